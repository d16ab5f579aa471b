package pty

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatIsWrittenComesOutUnchanged(t *testing.T) {
	master, slave, err := Open(Size{30, 100})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(master)
	if got := SizeOf(slave); got != (Size{30, 100}) {
		t.Errorf("its size is %v", got)
	}
	for _, fd := range []int{master, slave} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Error("a descriptor that children inherit", err)
		}
	}
	const text = "\x1b[31mred\x1b[0m\nand\ttabs\r\n\xff"
	if _, err := unix.Write(slave, []byte(text)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := unix.Read(master, buf); err != nil || string(buf[:n]) != text {
		t.Errorf("got %q, %v", buf[:max(n, 0)], err)
	}
	unix.Close(slave)
	if _, err := unix.Read(master, buf); err != unix.EIO {
		t.Errorf("the end is %v, not EIO", err)
	}
}

func TestNoTerminalHasTheUsualSize(t *testing.T) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	if got := SizeOf(p[0]); got != Usual {
		t.Errorf("got %v", got)
	}
}
