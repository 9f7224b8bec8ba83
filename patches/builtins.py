"""builtins: ``input``."""

from greenbridge._patching import Keep, Patch, Table

TABLE = Table(
    module="builtins",
    replace={
        "input": Patch(
            "greenbridge.green.stdin:input",
            "parks; at a terminal without the readline module",
            part="stdin",
        ),
    },
    keep={
        "ArithmeticError AssertionError AttributeError BaseException BlockingIOError"
        " BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError"
        " ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError"
        " EncodingWarning EnvironmentError Exception FileExistsError FileNotFoundError"
        " FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning"
        " IndentationError IndexError InterruptedError IsADirectoryError KeyError"
        " KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError"
        " NotADirectoryError NotImplementedError OSError OverflowError PendingDeprecationWarning"
        " PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning"
        " RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning"
        " SystemError SystemExit TabError TimeoutError TypeError UnboundLocalError"
        " UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning"
        " UserWarning ValueError Warning ZeroDivisionError": Keep("an exception"),
        "BaseExceptionGroup ExceptionGroup": Keep("an exception", since=(3, 11)),
        "ImportCycleError": Keep("an exception", since=(3, 15)),
        "PythonFinalizationError": Keep("an exception", since=(3, 13)),
        "WindowsError": Keep("an exception", platforms=("win32",)),
        "abs aiter all anext any ascii bin callable chr delattr dir divmod enumerate eval exec"
        " filter format getattr globals hasattr hash hex id isinstance issubclass iter len locals"
        " map max min next oct ord pow range repr reversed round setattr sorted sum super vars"
        " zip": Keep("computes"),
        "bool bytearray bytes classmethod complex dict float frozenset int list memoryview object"
        " property set slice staticmethod str tuple type": Keep("a type"),
        "breakpoint": Keep("starts a debugger, which calls input()"),
        "compile": Keep("computes"),
        "copyright credits exit help license quit": Keep("for the interactive interpreter"),
        "frozendict sentinel": Keep("a type", since=(3, 15)),
        "open": Keep("for files on disk; os.fdopen() makes a file for a pipe that parks"),
        "print": Keep("writes to a file that does not park; see how-to/processes.md"),
    },
)
