/* A SAT solver's command line, over PicoSAT's library: reads DIMACS, and writes a model to `model.txt`. */
#include <stdio.h>
#include <stdlib.h>

#include "picosat.h"

int main(int count, char **arguments)
{
	FILE *file = count > 1 ? fopen(arguments[1], "r") : stdin;
	if (!file) {
		perror(arguments[1]);
		return 1;
	}
	PicoSAT *solver = picosat_init();
	char line[65536];
	while (fgets(line, sizeof line, file)) {
		if (line[0] == 'c' || line[0] == 'p' || line[0] == '%')
			continue;
		char *at = line, *after;
		for (;;) {
			long literal = strtol(at, &after, 10);
			if (after == at)
				break;
			picosat_add(solver, (int)literal);
			at = after;
		}
	}
	int found = picosat_sat(solver, -1);
	puts(found == PICOSAT_SATISFIABLE ? "s SATISFIABLE" : "s UNSATISFIABLE");
	if (found == PICOSAT_SATISFIABLE) {
		FILE *model = fopen("model.txt", "w");
		for (int variable = 1; variable <= picosat_variables(solver); variable++)
			fprintf(model, "%d ", picosat_deref(solver, variable) > 0 ? variable : -variable);
		fprintf(model, "0\n");
		fclose(model);
	}
	fprintf(stderr, "%llu decisions\n", picosat_decisions(solver));
	picosat_reset(solver);
	return found;
}
