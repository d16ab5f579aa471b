package main

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// screen is what output may look like where it goes to.
type screen struct {
	terminal bool
	columns  int
	colour   bool
	dumb     bool // it can do nothing but lines
}

// screenOf looks at where w goes to: a terminal has its own width, and colour
// unless NO_COLOR (https://no-color.org) is set; all else has 80 columns.
func screenOf(w io.Writer) screen {
	f, ok := w.(*os.File)
	if !ok {
		return screen{columns: 80}
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return screen{columns: 80}
	}
	s := screen{terminal: true, columns: int(size.Col), dumb: os.Getenv("TERM") == "dumb"}
	s.colour = os.Getenv("NO_COLOR") == "" && !s.dumb
	if s.columns == 0 { // a terminal that doesn't know
		s.columns = 80
	}
	return s
}

// The colours that are in use, as ECMA-48 numbers them.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint colours text where that is wanted.
func (s screen) paint(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// cut shortens text to so many characters, with … at its end.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	if most <= 1 {
		return "…"[:len("…")*max(most, 0)]
	}
	return string([]rune(text)[:most-1]) + "…"
}
