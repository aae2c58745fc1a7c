/* Makes a process see one time, no randomness, and files without identity.
 *
 * componentize-py runs the guest's Python while it builds, and keeps its memory. Hash seeds, clocks, times and inode
 * numbers of files all leave traces there, so that no two builds would be equal. `build.py` preloads this into that one
 * process. Functions of the C library are replaced; what asks the kernel directly is caught by a filter that turns the
 * call into a signal, whose handler makes the call and corrects its answer.
 *
 * Linux on x86-64 and AArch64. Without it a build works as well; its bytes are its own.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { MOMENT = 1000000000, BYTE = 0x5a, MARK = 0x57111 };

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define RESULT(context) ((context)->uc_mcontext.gregs[REG_RAX])
#define ARGUMENTS(context)                                                                                    \
	{ (context)->uc_mcontext.gregs[REG_RDI], (context)->uc_mcontext.gregs[REG_RSI],                       \
	  (context)->uc_mcontext.gregs[REG_RDX], (context)->uc_mcontext.gregs[REG_R10],                       \
	  (context)->uc_mcontext.gregs[REG_R8] }
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define RESULT(context) ((context)->uc_mcontext.regs[0])
#define ARGUMENTS(context)                                                                                    \
	{ (context)->uc_mcontext.regs[0], (context)->uc_mcontext.regs[1], (context)->uc_mcontext.regs[2],     \
	  (context)->uc_mcontext.regs[3], (context)->uc_mcontext.regs[4] }
#else
#error "no such architecture yet"
#endif

ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
	(void)flags;
	memset(bytes, BYTE, length);
	return (ssize_t)length;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	now->tv_sec = MOMENT;
	now->tv_nsec = 0;
	return 0;
}

static void on_call(int signal, siginfo_t *info, void *opaque)
{
	(void)signal;
	ucontext_t *context = opaque;
	long argument[] = ARGUMENTS(context);
	int before = errno;
	if (info->si_syscall == SYS_getrandom) {
		memset((void *)argument[0], BYTE, (size_t)argument[1]);
		RESULT(context) = argument[1];
	} else {
		/* The mark lets it pass the filter. */
		long result = syscall(SYS_statx, argument[0], argument[1], argument[2], argument[3], argument[4], MARK);
		if (result == 0) {
			struct statx *found = (struct statx *)argument[4];
			struct statx_timestamp moment = {.tv_sec = MOMENT};
			found->stx_ino = 1;
			found->stx_dev_major = found->stx_dev_minor = 1;
			found->stx_atime = found->stx_btime = found->stx_ctime = found->stx_mtime = moment;
		}
		RESULT(context) = result < 0 ? -errno : result;
	}
	errno = before;
}

__attribute__((constructor)) static void begin(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
	struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSYS, &action, NULL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
