//go:build linux

#include "textflag.h"

#define SYS_write  1
#define SYS_getpid 39
#define SIGURG     23
#define SI_TKILL   -6

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	LEAQ	handler<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// handler is a signal handler: the kernel calls it with the signal in DI, its
// siginfo in SI and the interrupted context in DX. System calls change AX, CX
// and R11 only; R8 and R9 keep what Go's handler must find unchanged.
TEXT handler<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	DI, R8
	MOVQ	DX, R9

	// A vforked child that has not exec'ed yet: not our signal.
	MOVL	$SYS_getpid, AX
	SYSCALL
	CMPL	AX, ·self(SB)
	JNE	pass

	// A fault that no process sent (si_code above 0) is our own, and Go's.
	LEAQ	·faults(SB), CX
	MOVQ	(CX)(R8*8), CX
	TESTQ	CX, CX
	JZ	nofault
	CMPL	8(SI), $0
	JLE	record
	JMP	CX
nofault:

	// Go preempting one of its own goroutines: nobody sent that.
	CMPL	R8, $SIGURG
	JNE	record
	CMPL	8(SI), $SI_TKILL	// si_code
	JNE	record
	CMPL	16(SI), AX		// si_pid
	JEQ	pass

record:
	LEAQ	·pipes(SB), AX
	MOVL	(AX)(R8*4), DI
	MOVL	$128, DX		// sizeof(siginfo_t)
	MOVL	$SYS_write, AX
	SYSCALL
	CMPQ	AX, $128
	JEQ	pass
	LEAQ	·dropped(SB), AX
	LOCK
	INCL	(AX)(R8*4)

pass:
	MOVQ	R8, DI
	MOVQ	R9, DX
	LEAQ	·next(SB), AX
	MOVQ	(AX)(R8*8), AX
	TESTQ	AX, AX
	JZ	done
	JMP	AX
done:
	RET				// to the restorer, which calls rt_sigreturn

// func maskerPC() uintptr
TEXT ·maskerPC(SB),NOSPLIT,$0-8
	LEAQ	masker<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// masker is a signal handler that gives the thread it interrupts another mask: the
// one in the context, in DX, is what rt_sigreturn sets (uc_sigmask, behind the flags,
// the link, the stack and 256 bytes of registers).
TEXT masker<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	·wantedMask(SB), AX
	MOVQ	AX, 296(DX)
	LOCK
	INCL	·masked(SB)
	RET
