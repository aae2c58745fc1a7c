/* Says what it was called with, and copies its input in capitals. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

int main(int count, char **arguments)
{
	for (int each = 0; each < count; each++)
		printf("argument %s\n", arguments[each]);
	for (char **each = environ; *each; each++)
		printf("variable %s\n", *each);
	int byte;
	while ((byte = getchar()) != EOF)
		putchar(toupper(byte));
	fprintf(stderr, "%d arguments\n", count - 1);
	return count - 1;
}
