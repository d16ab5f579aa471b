#include "textflag.h"

#define SYS_fcntl          25
#define SYS_rt_sigaction   134
#define SYS_rt_sigprocmask 135
#define SYS_getrlimit      163
#define F_GETFD            1
#define RLIMIT_NOFILE      7

// entry is what the kernel jumps to after execve, with argc at the stack
// pointer. It asks, changes nothing, leaves the stack alone, and goes on to
// Go's own entry. System calls change R0.
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

	JMP	_rt0_arm64_linux(SB)
