"""The four commands of the acid test, each a program of its own kind of parallelism."""
