# fish completion of lade: the program knows its own options.
lade completion fish 2>/dev/null | source
