//go:build linux

#include "textflag.h"

#define SYS_write  64
#define SYS_getpid 172
#define SIGURG     23
#define SI_TKILL   -6

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVD	$handler<>(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// handler is a signal handler: the kernel calls it with the signal in R0, its
// siginfo in R1 and the interrupted context in R2. System calls change R0
// only; R9 to R11 keep what Go's handler must find unchanged. R28 (g) is not
// touched.
TEXT handler<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	R0, R9
	MOVD	R1, R10
	MOVD	R2, R11

	// A vforked child that has not exec'ed yet: not our signal.
	MOVD	$SYS_getpid, R8
	SVC
	MOVW	·self(SB), R12
	CMPW	R12, R0
	BNE	pass

	// A fault that no process sent (si_code above 0) is our own, and Go's.
	MOVD	$·faults(SB), R13
	MOVD	(R13)(R9<<3), R13
	CBZ	R13, nofault
	MOVW	8(R10), R14
	CMPW	$0, R14
	BLE	record
	MOVD	R9, R0
	JMP	(R13)
nofault:

	// Go preempting one of its own goroutines: nobody sent that.
	CMPW	$SIGURG, R9
	BNE	record
	MOVW	8(R10), R13		// si_code
	CMPW	$SI_TKILL, R13
	BNE	record
	MOVW	16(R10), R13		// si_pid
	CMPW	R12, R13
	BEQ	pass

record:
	MOVD	$·pipes(SB), R12
	MOVW	(R12)(R9<<2), R0
	MOVD	R10, R1
	MOVD	$128, R2		// sizeof(siginfo_t)
	MOVD	$SYS_write, R8
	SVC
	CMP	$128, R0
	BEQ	pass
	MOVD	$·dropped(SB), R12
	ADD	R9<<2, R12
again:
	LDAXRW	(R12), R13
	ADDW	$1, R13
	STLXRW	R13, (R12), R14
	CBNZW	R14, again

pass:
	MOVD	R9, R0
	MOVD	R10, R1
	MOVD	R11, R2
	MOVD	$·next(SB), R12
	MOVD	(R12)(R9<<3), R12
	CBZ	R12, done
	JMP	(R12)
done:
	RET				// to the restorer, which calls rt_sigreturn

// func maskerPC() uintptr
TEXT ·maskerPC(SB),NOSPLIT,$0-8
	MOVD	$masker<>(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// masker is a signal handler that gives the thread it interrupts another mask: the
// one in the context, in R2, is what rt_sigreturn sets (uc_sigmask, behind the flags,
// the link and the stack).
TEXT masker<>(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	·wantedMask(SB), R9
	MOVD	R9, 40(R2)
	MOVD	$·masked(SB), R9
more:
	LDAXRW	(R9), R10
	ADD	$1, R10
	STLXRW	R10, (R9), R11
	CBNZ	R11, more
	RET
