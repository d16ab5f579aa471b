#include "textflag.h"

#define SYS_fcntl          25
#define SYS_rt_sigaction   134
#define SYS_rt_sigprocmask 135
#define SYS_getrlimit      163
#define F_GETFD            1
#define RLIMIT_NOFILE      7
#define MOST               64		// infos
#define KEPT               0x40000804e	// HUP, INT, QUIT, ABRT, TERM, 34: bit n for signal n

// entry is what the kernel jumps to after execve, with argc at the stack
// pointer. It asks, leaves the stack alone, and goes on to Go's own entry. Unless
// we are the next image of a supervise it changes nothing. System calls change R0.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	$1, R0
	MOVD	R0, ·known(SB)

	MOVD	$0, R0
	MOVD	$0, R1
	MOVD	$·mask(SB), R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC

	MOVD	$1, R9			// the signal
	MOVD	$·actions(SB), R10
action:
	ADD	$32, R10
	MOVD	R9, R0
	MOVD	$0, R1
	MOVD	R10, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigaction, R8
	SVC
	ADD	$1, R9
	CMP	$64, R9
	BLE	action

	MOVD	$0, R9			// the descriptor
	MOVD	$·streams(SB), R10
stream:
	MOVD	R9, R0
	MOVD	$F_GETFD, R1
	MOVD	$SYS_fcntl, R8
	SVC
	MOVD	R0, (R10)(R9<<3)
	ADD	$1, R9
	CMP	$3, R9
	BLT	stream

	MOVD	$RLIMIT_NOFILE, R0
	MOVD	$·files(SB), R1
	MOVD	$SYS_getrlimit, R8
	SVC

	// Did a supervise execute us that hands over to us? Then the first variable
	// is SUPERVISE_REEXEC.
	MOVD	0(RSP), R9		// argc
	ADD	$2, R9
	LSL	$3, R9
	MOVD	RSP, R10
	ADD	R9, R10
	MOVD	(R10), R10		// behind argv and its NULL
	CBZ	R10, run
	MOVD	$0x5349565245505553, R11	// "SUPERVIS"
	MOVD	0(R10), R12
	CMP	R11, R12
	BNE	run
	MOVD	$0x4345584545525f45, R11	// "E_REEXEC"
	MOVD	8(R10), R12
	CMP	R11, R12
	BNE	run
	MOVBU	16(R10), R12
	CMP	$0x3d, R12		// "="
	BNE	run

	MOVD	$·action(SB), R10
	MOVD	$early<>(SB), R11
	MOVD	R11, 0(R10)
	MOVD	$0x18000004, R11	// SA_SIGINFO | SA_ONSTACK | SA_RESTART
	MOVD	R11, 8(R10)
	MOVD	$0, R11			// the kernel has a restorer of its own
	MOVD	R11, 16(R10)
	MOVD	$-1, R11
	MOVD	R11, 24(R10)
	MOVD	$KEPT, R13
	MOVD	$1, R9			// the signal
keep:
	LSR	R9, R13, R12
	TBZ	$0, R12, skip
	MOVD	R9, R0
	MOVD	R10, R1
	MOVD	$0, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigaction, R8
	SVC
skip:
	ADD	$1, R9
	CMP	$63, R9
	BLE	keep
	MOVD	$filter<>(SB), R11
	MOVD	R11, _cgo_sigaction(SB)
	MOVD	$1, R11
	MOVD	R11, ·reexecuted(SB)

run:
	JMP	_rt0_arm64_linux(SB)

// early is a signal handler: it keeps the siginfo in R1, 128 bytes of it, until Go
// code runs that asks for it.
TEXT early<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	$·came(SB), R9
more:
	LDAXRW	(R9), R10
	ADD	$1, R10, R11
	STLXRW	R11, (R9), R12
	CBNZ	R12, more
	CMP	$MOST, R10
	BGE	full
	LSL	$7, R10
	MOVD	$·infos(SB), R11
	ADD	R10, R11
	MOVD	$16, R12
copy:
	MOVD.P	8(R1), R13
	MOVD.P	R13, 8(R11)
	SUB	$1, R12
	CBNZ	R12, copy
full:
	RET				// to the kernel's restorer

// filter stands for sigaction(2) in Go's runtime, which calls it as a C function:
// the signal in R0, the new action in R1, the old in R2; the error in R0. What early
// has in hand it leaves there.
TEXT filter<>(SB),NOSPLIT|NOFRAME,$0
	CBZ	R1, pass
	MOVD	$KEPT, R3
	LSR	R0, R3, R3
	TBZ	$0, R3, pass
	MOVD	$0, R0
	RET
pass:
	MOVD	$8, R3
	MOVD	$SYS_rt_sigaction, R8
	SVC
	NEG	R0, R0
	RET

// func release()
TEXT ·release(SB),NOSPLIT,$0-0
	MOVD	$0, R0
	MOVD	R0, _cgo_sigaction(SB)
	RET
