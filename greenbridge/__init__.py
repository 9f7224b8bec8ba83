"""greenbridge: blocking code on asyncio, by greenlets, without a thread per call."""

from __future__ import annotations

from . import _originals as _originals  # first: binds what the patches replace

# isort: split
from . import _forking as _forking  # early: its hook is to run before those that use primitives

# isort: split
from ._audit._holds import Hold as Hold
from ._audit._strict import Strict as Strict
from ._await import await_ as await_
from ._bridges import entered as entered
from ._bridges import iterate as iterate
from ._bridges import no_switch as no_switch
from ._errors import BadTimeoutError as BadTimeoutError
from ._errors import BlockingSwitchError as BlockingSwitchError
from ._errors import ClosedHubError as ClosedHubError
from ._errors import GreenbridgeError as GreenbridgeError
from ._errors import GreenExit as GreenExit
from ._errors import HubConflictError as HubConflictError
from ._errors import LoopHeldWarning as LoopHeldWarning
from ._errors import LoopMismatchError as LoopMismatchError
from ._errors import NoPortalError as NoPortalError
from ._errors import NotAwaitableError as NotAwaitableError
from ._errors import PatchConflictError as PatchConflictError
from ._errors import SwitchForbiddenError as SwitchForbiddenError
from ._errors import UnknownPatchError as UnknownPatchError
from ._green_tasks import ensure_green as ensure_green
from ._green_tasks import install as install
from ._green_tasks import plain as plain
from ._green_tasks import plain_tasks as plain_tasks
from ._green_tasks import uninstall as uninstall
from ._groups import Group as Group
from ._groups import Pool as Pool
from ._groups import iwait as iwait
from ._groups import joinall as joinall
from ._groups import killall as killall
from ._groups import wait as wait
from ._nest import Nested as Nested
from ._nest import nest as nest
from ._nest import unnest as unnest
from ._offload import offload as offload
from ._offloaded import offload_module as offload_module
from ._patch_rebind import rebind as rebind
from ._patch_report import stale as stale
from ._patching import Applied as Applied
from ._patching import is_module_patched as is_module_patched
from ._patching import is_object_patched as is_object_patched
from ._patching import original as original
from ._patching import patch as patch
from ._patching import patch_all as patch_all
from ._patching import patched as patched
from ._patching import unpatch_all as unpatch_all
from ._runner import EventLoopPolicy as EventLoopPolicy
from ._runner import async_ as async_
from ._runner import new_event_loop as new_event_loop
from ._runner import run as run
from ._runner import run_sync as run_sync
from ._spawn import current_green as getcurrent
from ._spawn import spawn as spawn
from ._spawn import spawn_later as spawn_later
from ._sync import Barrier as Barrier
from ._sync import BoundedSemaphore as BoundedSemaphore
from ._sync import Condition as Condition
from ._sync import Event as Event
from ._sync import LifoQueue as LifoQueue
from ._sync import Lock as Lock
from ._sync import PriorityQueue as PriorityQueue
from ._sync import Queue as Queue
from ._sync import RLock as RLock
from ._sync import Semaphore as Semaphore
from ._sync import SimpleQueue as SimpleQueue
from ._taskgroup import TaskGroup as TaskGroup
from ._threads import GreenThread as GreenThread
from ._timeouts import CancelScope as CancelScope
from ._timeouts import Timeout as Timeout
from ._timeouts import fail_after as fail_after
from ._timeouts import move_on_after as move_on_after
from ._timeouts import with_timeout as with_timeout
from ._waiting import parkable as is_green
from ._waiting import sleep as sleep

__all__ = (
    "Applied",
    "BadTimeoutError",
    "Barrier",
    "BlockingSwitchError",
    "BoundedSemaphore",
    "CancelScope",
    "ClosedHubError",
    "Condition",
    "Event",
    "EventLoopPolicy",
    "GreenExit",
    "GreenThread",
    "GreenbridgeError",
    "Group",
    "Hold",
    "HubConflictError",
    "LifoQueue",
    "Lock",
    "LoopHeldWarning",
    "LoopMismatchError",
    "Nested",
    "NoPortalError",
    "NotAwaitableError",
    "PatchConflictError",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "Strict",
    "SwitchForbiddenError",
    "TaskGroup",
    "Timeout",
    "UnknownPatchError",
    "async_",
    "await_",
    "ensure_green",
    "entered",
    "fail_after",
    "getcurrent",
    "install",
    "is_green",
    "is_module_patched",
    "is_object_patched",
    "iterate",
    "iwait",
    "joinall",
    "killall",
    "move_on_after",
    "nest",
    "new_event_loop",
    "no_switch",
    "offload",
    "offload_module",
    "original",
    "patch",
    "patch_all",
    "patched",
    "plain",
    "plain_tasks",
    "rebind",
    "run",
    "run_sync",
    "sleep",
    "spawn",
    "spawn_later",
    "stale",
    "uninstall",
    "unnest",
    "unpatch_all",
    "wait",
    "with_timeout",
)

__version__ = "0.1.0"
