package procfs

import (
	"bytes"
	"strconv"
	"strings"
)

// Command gives the command line of a process, spaces between the arguments;
// "" when it has none (kernel threads, zombies) or it can't be known. A program
// may write over it.
func Command(pid int) string {
	if ours() != nil {
		return ""
	}
	b, err := readAll("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return ""
	}
	return CommandText(b)
}

// Argv gives the arguments of a process one by one, as [Command] gives them in
// one line. Who writes over them (a process title) has the rest empty, so empty
// ones at the end are left out.
func Argv(pid int) []string {
	if ours() != nil {
		return nil
	}
	b, err := readAll("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(bytes.TrimRight(b, "\x00")) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}

// CommandText makes the text of /proc/PID/cmdline one line.
func CommandText(b []byte) string {
	b = bytes.TrimRight(b, "\x00")
	return strings.ToValidUTF8(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})), "\ufffd")
}

// readAll reads a file of any length whole; files of /proc have to be read at
// once, see [Environ].
func readAll(path string) ([]byte, error) {
	for size := 4 << 10; ; size *= 8 {
		buf := make([]byte, size)
		b, err := readInto(buf, path)
		if err != nil || len(b) < size {
			return b, err
		}
	}
}
