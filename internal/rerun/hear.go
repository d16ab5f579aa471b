package rerun

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// HearAgain takes back that signals are ignored: what a test starts would
// inherit it. glibc's posix_spawn, and so make, leaves its own 32 ignored, nohup HUP,
// and a script INT and QUIT of what it runs in the background.
func HearAgain() error {
	for s := uintptr(1); s <= 64; s++ {
		var now, action [4]uintptr                                                                  // SIG_DFL is 0, SIG_IGN 1
		if s == uintptr(unix.SIGKILL) || s == uintptr(unix.SIGSTOP) || s == uintptr(unix.SIGPIPE) { // the last is Go's
			continue
		}
		if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, s, 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0); e != 0 {
			return e
		}
		if now[0] != 1 {
			continue
		}
		if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0); e != 0 {
			return e
		}
	}
	return nil
}
