package compat

import (
	"fmt"

	"golang.org/x/sys/unix"

	"supervise/internal/terminal"
)

// stdout writes when a C program's stdout does: each line at once on a
// terminal, else when a block is full and at the end. Whoever reads the output
// of tini -v finds its lines where they have always been, behind those of the
// program.
type stdout struct {
	lines bool
	text  []byte
}

// block is what glibc collects for a pipe or a file (st_blksize).
const block = 4096

func newStdout() *stdout {
	_, err := unix.IoctlGetTermios(1, unix.TCGETS)
	return &stdout{lines: err == nil}
}

// immediate says whether what is written is seen at once.
func (s *stdout) immediate() bool { return s.lines }

// held is what was written and is not yet seen.
func (s *stdout) held() string { return string(s.text) }

func (s *stdout) write(text string) {
	s.text = append(s.text, text...)
	if s.lines {
		s.flush()
	}
	for len(s.text) > block {
		writeAll(1, string(s.text[:block]))
		s.text = append([]byte(nil), s.text[block:]...)
	}
}

func (s *stdout) flush() {
	writeAll(1, string(s.text))
	s.text = nil
}

// complain writes to stderr, which nothing collects.
func complain(format string, a ...any) { writeAll(2, fmt.Sprintf(format, a...)) }

// writeAll writes to a descriptor. Nobody is left to tell if that fails. From a
// terminal's background it succeeds, even after "stty tostop": the originals
// block or ignore TTOU.
func writeAll(fd int, text string) {
	if text != "" {
		_, _ = terminal.Writer{To: descriptor(fd)}.Write([]byte(text))
	}
}

// descriptor writes with nothing in between.
type descriptor int

func (d descriptor) Write(b []byte) (n int, err error) {
	for n < len(b) {
		m, err := unix.Write(int(d), b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}
