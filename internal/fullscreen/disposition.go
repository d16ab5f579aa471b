package fullscreen

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setDefault gives a signal its default disposition past Go's runtime, which
// after signal.Reset keeps its handler and drops the signal. restore undoes it.
func setDefault(s unix.Signal) (restore func()) {
	var byDefault, was [4]uintptr // struct sigaction; handler 0 is SIG_DFL
	action := func(set, old *[4]uintptr) {
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s),
			uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	}
	action(&byDefault, &was)
	return func() { action(&was, nil) }
}

// withoutTTOU does something to the terminal even from the background, where
// it would otherwise stop us in the midst of giving the terminal back.
func withoutTTOU(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ttou, was unix.Sigset_t
	ttou.Val[0] = 1 << (unix.SIGTTOU - 1)
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &ttou, &was)
	do()
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil)
}
