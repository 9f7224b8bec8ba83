"""greenbridge's tests: one file per module, and the programs `stdlib` and `benchmarks`."""
