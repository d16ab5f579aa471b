package sv

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"

	"supervise/internal/runit"
)

// describe says in sv's words what a status tells. normallyUp: there is no file
// down.
func describe(name string, s runit.Status, now time.Time, normallyUp bool) string {
	var b strings.Builder
	b.WriteString(s.State.String() + ": " + name + ": ")
	if s.State != runit.Down {
		b.WriteString("(pid " + strconv.Itoa(s.PID) + ") ")
	}
	b.WriteString(strconv.FormatInt(max(0, now.Unix()-s.Since.Unix()), 10) + "s")
	up := s.PID != 0
	for _, remark := range []struct {
		holds bool
		text  string
	}{
		{up && !normallyUp, ", normally down"},
		{!up && normallyUp, ", normally up"},
		{up && s.Paused, ", paused"},
		{!up && s.Want == runit.WantUp, ", want up"},
		{up && s.Want != runit.WantUp, ", want down"},
		{up && s.Termed, ", got TERM"},
	} {
		if remark.holds {
			b.WriteString(remark.text)
		}
	}
	return b.String()
}

// reason is an error in sv's words: those of error_str in runit, which are older
// than strerror's and differ from them.
func reason(err error) string {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return err.Error()
	}
	if text, ok := reasons[e]; ok {
		return text
	}
	return e.Error()
}

// reasons has what the calls that we make can fail with.
var reasons = map[syscall.Errno]string{
	syscall.E2BIG:        "argument list too long",
	syscall.EACCES:       "access denied",
	syscall.EAGAIN:       "temporary failure",
	syscall.EBADF:        "file descriptor not open",
	syscall.EEXIST:       "file already exists",
	syscall.EFAULT:       "bad address",
	syscall.EINVAL:       "invalid argument",
	syscall.EIO:          "input/output error",
	syscall.EISDIR:       "is a directory",
	syscall.ELOOP:        "symbolic link loop",
	syscall.EMFILE:       "process cannot open more files",
	syscall.ENAMETOOLONG: "file name too long",
	syscall.ENFILE:       "system cannot open more files",
	syscall.ENODEV:       "operation not supported by device",
	syscall.ENOENT:       "file does not exist",
	syscall.ENOEXEC:      "exec format error",
	syscall.ENOMEM:       "out of memory",
	syscall.ENOSPC:       "out of disk space",
	syscall.ENOTDIR:      "not a directory",
	syscall.ENXIO:        "device not configured",
	syscall.EPERM:        "permission denied",
	syscall.EPIPE:        "broken pipe",
	syscall.EROFS:        "read-only file system",
	syscall.ESTALE:       "stale NFS file handle",
	syscall.ETXTBSY:      "text busy",
}
