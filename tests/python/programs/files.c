/* Does with files what can be done, and says the line that went wrong. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(what)                                                                       \
	do {                                                                              \
		if (!(what)) {                                                            \
			printf("line %d: " #what ": %s\n", __LINE__, strerror(errno));    \
			exit(1);                                                          \
		}                                                                         \
	} while (0)
#define FAILS(what, why) CHECK((errno = 0, (what) < 0) && errno == (why))

static int names(const char *path, char *listed)
{
	DIR *folder = opendir(path);
	CHECK(folder);
	struct dirent *entry;
	int count = 0;
	listed[0] = 0;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		strcat(listed, entry->d_name);
		strcat(listed, entry->d_type == DT_DIR ? "/ " : " ");
		count++;
	}
	closedir(folder);
	return count;
}

int main(void)
{
	char buffer[4096];
	struct stat facts;

	/* What was given. */
	FILE *given = fopen("given/input.txt", "r");
	CHECK(given && fgets(buffer, sizeof buffer, given) && !strcmp(buffer, "given\n"));
	fclose(given);
	CHECK(names("/", buffer) == 2 && !strcmp(buffer, "given/ empty/ "));

	/* Write, seek, truncate, append. */
	int file = open("new.bin", O_RDWR | O_CREAT | O_EXCL, 0666);
	CHECK(file >= 3);
	FAILS(open("new.bin", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	CHECK(write(file, "0123456789", 10) == 10);
	CHECK(lseek(file, 4, SEEK_SET) == 4 && write(file, "xx", 2) == 2);
	CHECK(lseek(file, 0, SEEK_END) == 10 && lseek(file, 15, SEEK_SET) == 15);
	CHECK(read(file, buffer, 5) == 0 && write(file, "end", 3) == 3);
	CHECK(pread(file, buffer, 100, 3) == 15 && !memcmp(buffer, "3xx6789\0\0\0\0\0end", 15));
	CHECK(pwrite(file, "A", 1, 0) == 1 && lseek(file, 0, SEEK_CUR) == 18);
	CHECK(ftruncate(file, 12) == 0 && fstat(file, &facts) == 0);
	CHECK(facts.st_size == 12 && S_ISREG(facts.st_mode) && facts.st_nlink == 1);
	FAILS(lseek(file, -1, SEEK_SET), EINVAL);
	CHECK(close(file) == 0);
	FAILS(close(file), EBADF);
	FAILS(read(99, buffer, 1), EBADF);
	file = open("new.bin", O_WRONLY | O_APPEND);
	CHECK(file >= 3 && write(file, "!", 1) == 1 && close(file) == 0);
	CHECK(stat("new.bin", &facts) == 0 && facts.st_size == 13);

	/* Folders. */
	CHECK(mkdir("made", 0777) == 0 && mkdir("made/deep", 0777) == 0);
	FAILS(mkdir("made", 0777), EEXIST);
	FAILS(mkdir("none/deep", 0777), ENOENT);
	FAILS(open("made/deep/x/y", O_RDONLY), ENOENT);
	FAILS(open("new.bin/x", O_RDONLY), ENOTDIR);
	FAILS(rmdir("made"), ENOTEMPTY);
	FAILS(unlink("made"), EISDIR);
	FAILS(rmdir("new.bin"), ENOTDIR);
	for (int each = 0; each < 300; each++) {
		sprintf(buffer, "made/deep/%03d", each);
		CHECK(close(open(buffer, O_WRONLY | O_CREAT, 0666)) == 0);
	}
	/* Removing what is listed on the way. */
	DIR *folder = opendir("made/deep");
	CHECK(folder);
	struct dirent *entry;
	int removed = 0;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		sprintf(buffer, "made/deep/%s", entry->d_name);
		CHECK(unlink(buffer) == 0);
		removed++;
	}
	closedir(folder);
	CHECK(removed == 300 && names("made/deep", buffer) == 0);

	/* Rename and link. */
	CHECK(rename("new.bin", "made/moved.bin") == 0);
	FAILS(stat("new.bin", &facts), ENOENT);
	FAILS(rename("made", "made/deep/inside"), EINVAL);
	CHECK(rename("made", "renamed") == 0 && stat("renamed/moved.bin", &facts) == 0);
	CHECK(link("renamed/moved.bin", "second.bin") == 0);
	CHECK(stat("second.bin", &facts) == 0 && facts.st_nlink == 2);
	CHECK(unlink("renamed/moved.bin") == 0 && stat("second.bin", &facts) == 0);
	CHECK(facts.st_nlink == 1 && facts.st_size == 13);
	CHECK(symlink("second.bin", "third.bin") < 0);
	FAILS(readlink("second.bin", buffer, 10), EINVAL);
	CHECK(rename("second.bin", "given/input.txt") == 0);

	/* A file without a name lives as long as it is open. */
	file = open("gone", O_RDWR | O_CREAT, 0666);
	CHECK(file >= 3 && unlink("gone") == 0 && write(file, "still", 5) == 5);
	CHECK(pread(file, buffer, 5, 0) == 5 && !memcmp(buffer, "still", 5) && close(file) == 0);

	/* Nothing leads out of the root. */
	CHECK(stat("/../../given", &facts) == 0 && S_ISDIR(facts.st_mode));
	CHECK(chdir("/renamed") == 0 && stat("../given/input.txt", &facts) == 0);
	CHECK(chdir("/") == 0);
	CHECK(names("/", buffer) == 3);

	/* Standard streams are no files. */
	FAILS(lseek(1, 0, SEEK_CUR), ESPIPE);
	CHECK(lseek(0, 0, SEEK_END) == 3 && lseek(0, 1, SEEK_SET) == 1);
	CHECK(read(0, buffer, 10) == 2 && !memcmp(buffer, "bc", 2));

	file = open("renamed/deep/result.txt", O_WRONLY | O_CREAT, 0666);
	CHECK(write(file, "done", 4) == 4);
	puts("all is right");
	return 0;
}
