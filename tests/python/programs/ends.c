/* Ends in the way that its first argument names. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int never;

static int deep(int level)
{
	volatile char room[256];
	room[level & 255] = (char)level;
	return never ? 0 : deep(level + 1) + room[level & 255];
}

__attribute__((noinline)) static void give_up(void)
{
	abort();
}

static void at_exit(void)
{
	puts("cleaned up");
}

int main(int count, char **arguments)
{
	const char *how = count > 1 ? arguments[1] : "";
	int number = count > 2 ? atoi(arguments[2]) : 0;
	if (!strcmp(how, "exit")) {
		atexit(at_exit);
		exit(number);
	} else if (!strcmp(how, "_exit")) {
		_exit(number);
	} else if (!strcmp(how, "abort")) {
		give_up();
	} else if (!strcmp(how, "loop")) {
		puts("begins");
		fflush(stdout);
		while (!never)
			;
	} else if (!strcmp(how, "recurse")) {
		return deep(0);
	} else if (!strcmp(how, "divide")) {
		volatile int zero = 0;
		return number / zero;
	} else if (!strcmp(how, "null")) {
		return *(volatile int *)(uintptr_t)0xfffffff0u;
	} else if (!strcmp(how, "memory")) {
		/* What malloc refuses is the program's to deal with. */
		size_t taken = 0;
		for (; number > 0; number--, taken++) {
			volatile char *block = malloc(1 << 20);
			if (!block)
				abort();
			for (size_t each = 0; each < 1 << 20; each += 4096)
				block[each] = 1;
		}
		printf("%zu MiB\n", taken);
	} else if (!strcmp(how, "refused")) {
		size_t taken = 0;
		volatile char *block;
		while ((block = malloc(1 << 20))) {
			block[5] = 1;
			taken++;
		}
		printf("%d\n", taken > 16);
		return 9;
	} else if (!strcmp(how, "sleep")) {
		time_t before = time(NULL);
		struct timespec begin, end;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		struct timespec wait = {number / 1000, number % 1000 * 1000000L};
		nanosleep(&wait, NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		double took = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
		printf("%d %d\n", took * 1000 >= number, time(NULL) - before <= number / 1000 + 1);
	} else if (!strcmp(how, "chance")) {
		unsigned char bytes[16];
		getentropy(bytes, sizeof bytes);
		for (size_t each = 0; each < sizeof bytes; each++)
			printf("%02x", bytes[each]);
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		printf(" %lld %ld\n", (long long)now.tv_sec, now.tv_nsec);
	} else if (!strcmp(how, "flood")) {
		char line[1024];
		memset(line, 'x', sizeof line);
		for (int each = 0; each < number * 1024; each++)
			if (fwrite(line, 1, sizeof line, stdout) != sizeof line || fflush(stdout)) {
				perror("flood");
				return 5;
			}
	} else if (!strcmp(how, "numbers")) {
		double sum = 0;
		for (int each = 1; each <= number; each++)
			sum += sin(each) / each;
		printf("%.17g\n", sum);
	}
	return 0;
}
