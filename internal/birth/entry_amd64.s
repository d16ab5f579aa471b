#include "textflag.h"

#define SYS_rt_sigaction   13
#define SYS_rt_sigprocmask 14
#define SYS_rt_sigreturn   15
#define SYS_fcntl          72
#define SYS_getrlimit      97
#define F_GETFD            1
#define RLIMIT_NOFILE      7
#define MOST               64		// infos
#define KEPT               0x40000804e	// HUP, INT, QUIT, ABRT, TERM, 34: bit n for signal n

// entry is what the kernel jumps to after execve, with argc at the stack
// pointer. It asks, leaves the stack alone, and goes on to Go's own entry. Unless
// we are the next image of a supervise it changes nothing. System calls change AX,
// CX and R11.
TEXT ·entry(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	$1, ·known(SB)

	MOVL	$SYS_rt_sigprocmask, AX
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·mask(SB), DX
	MOVL	$8, R10
	SYSCALL

	MOVL	$1, R12			// the signal
	LEAQ	·actions(SB), R13
action:
	ADDQ	$32, R13
	MOVL	$SYS_rt_sigaction, AX
	MOVL	R12, DI
	XORL	SI, SI
	MOVQ	R13, DX
	MOVL	$8, R10
	SYSCALL
	INCL	R12
	CMPL	R12, $64
	JLE	action

	XORL	R12, R12		// the descriptor
	LEAQ	·streams(SB), R13
stream:
	MOVL	$SYS_fcntl, AX
	MOVL	R12, DI
	MOVL	$F_GETFD, SI
	SYSCALL
	MOVQ	AX, (R13)(R12*8)
	INCL	R12
	CMPL	R12, $3
	JLT	stream

	MOVL	$SYS_getrlimit, AX
	MOVL	$RLIMIT_NOFILE, DI
	LEAQ	·files(SB), SI
	SYSCALL

	// Did a supervise execute us that hands over to us? Then the first variable
	// is SUPERVISE_REEXEC.
	MOVQ	0(SP), AX		// argc
	MOVQ	16(SP)(AX*8), AX	// behind argv and its NULL
	TESTQ	AX, AX
	JZ	run
	MOVQ	$0x5349565245505553, CX	// "SUPERVIS"
	CMPQ	CX, 0(AX)
	JNE	run
	MOVQ	$0x4345584545525f45, CX	// "E_REEXEC"
	CMPQ	CX, 8(AX)
	JNE	run
	CMPB	16(AX), $0x3d		// "="
	JNE	run

	LEAQ	early<>(SB), AX
	MOVQ	AX, ·action+0(SB)
	MOVQ	$0x1c000004, AX		// SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_RESTART
	MOVQ	AX, ·action+8(SB)
	LEAQ	restore<>(SB), AX
	MOVQ	AX, ·action+16(SB)
	MOVQ	$-1, AX
	MOVQ	AX, ·action+24(SB)
	MOVQ	$KEPT, R13
	MOVL	$1, R12			// the signal
keep:
	BTQ	R12, R13
	JCC	skip
	MOVL	$SYS_rt_sigaction, AX
	MOVL	R12, DI
	LEAQ	·action(SB), SI
	XORL	DX, DX
	MOVL	$8, R10
	SYSCALL
skip:
	INCL	R12
	CMPL	R12, $63
	JLE	keep
	LEAQ	filter<>(SB), AX
	MOVQ	AX, _cgo_sigaction(SB)
	MOVQ	$1, ·reexecuted(SB)

run:
	JMP	_rt0_amd64_linux(SB)

// early is a signal handler: it keeps the siginfo in SI, 128 bytes of it, until Go
// code runs that asks for it.
TEXT early<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVL	$1, AX
	LOCK
	XADDL	AX, ·came(SB)
	CMPL	AX, $MOST
	JGE	full
	SHLQ	$7, AX
	LEAQ	·infos(SB), DI
	ADDQ	AX, DI
	MOVL	$16, CX
	CLD
	REP; MOVSQ
full:
	RET				// to restore

TEXT restore<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVL	$SYS_rt_sigreturn, AX
	SYSCALL
	INT	$3

// filter stands for sigaction(2) in Go's runtime, which calls it as a C function:
// the signal in DI, the new action in SI, the old in DX; the error in AX. What early
// has in hand it leaves there.
TEXT filter<>(SB),NOSPLIT|NOFRAME,$0
	TESTQ	SI, SI
	JZ	pass
	MOVQ	$KEPT, CX
	BTQ	DI, CX
	JCC	pass
	XORL	AX, AX
	RET
pass:
	MOVL	$SYS_rt_sigaction, AX
	MOVL	$8, R10
	SYSCALL
	NEGQ	AX
	RET

// func release()
TEXT ·release(SB),NOSPLIT,$0-0
	MOVQ	$0, _cgo_sigaction(SB)
	RET
