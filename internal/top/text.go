package top

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"supervise/internal/visible"
)

// Clean makes one line of anything that a program wrote: what moves the cursor
// or changes the terminal is taken out, other control characters become
// visible (^G), tabs become spaces. Colours and other attributes of the text
// (SGR, ECMA-48 8.3.117) stay when colour is set.
func Clean(s string, colour bool) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.TrimRight(s, "\r\n")
	var b strings.Builder
	column := 0
	for len(s) > 0 {
		if s[0] == 0x1b {
			n, attributes := escape(s)
			if attributes && colour {
				b.WriteString(s[:n])
			}
			s = s[n:]
			continue
		}
		next := strings.IndexFunc(s, visible.Hidden)
		if next < 0 {
			next = len(s)
		}
		if next > 0 {
			b.WriteString(s[:next])
			column += displaywidth.String(s[:next])
			s = s[next:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\t':
			n := 8 - column%8
			b.WriteString(strings.Repeat(" ", n))
			column += n
		case r < ' ':
			b.WriteString("^" + string('@'+r))
			column += 2
		case r == 0x7f:
			b.WriteString("^?")
			column += 2
		}
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// escape gives the length of the escape sequence that s begins with, and
// whether it is one that sets attributes.
func escape(s string) (n int, attributes bool) {
	if len(s) < 2 {
		return len(s), false
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			c := s[i]
			if c >= 0x40 && c <= 0x7e {
				return i + 1, c == 'm' && strings.Trim(s[2:i], "0123456789;:") == ""
			}
			if c < 0x20 || c > 0x3f {
				return i, false
			}
		}
		return len(s), false
	case ']', 'P', 'X', '^', '_': // strings, up to ST or BEL
		for i := 2; i < len(s); i++ {
			if s[i] == 7 {
				return i + 1, false
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2, false
			}
		}
		return len(s), false
	}
	i := 1
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	if i < len(s) && s[i] >= 0x30 && s[i] <= 0x7e {
		i++
	}
	return i, false
}

// width is how many cells a text without escape sequences takes.
func width(s string) int { return displaywidth.String(s) }

// fit makes a text exactly n cells wide; what is too long ends with an ellipsis.
func (g *glyphs) fit(s string, n int) string {
	s = g.cut(s, 0, n)
	return s + strings.Repeat(" ", max(0, n-width(strip(s))))
}

// right is fit at the right margin.
func (g *glyphs) right(s string, n int) string {
	s = g.cut(s, 0, n)
	return strings.Repeat(" ", max(0, n-width(strip(s)))) + s
}

// cut gives n cells of a cleaned text from the cell from on, with the
// attributes that are in force there. That something follows is told by an
// ellipsis.
func (g *glyphs) cut(s string, from, n int) string {
	if n <= 0 {
		return ""
	}
	if plain(s) {
		s = s[min(from, len(s)):]
		if len(s) <= n {
			return s
		}
		return s[:n-1] + g.more
	}
	var b strings.Builder
	keep := 0 // how much of b leaves a cell for the ellipsis
	at := -from
	attributes := false
	for len(s) > 0 {
		if s[0] == 0x1b {
			k, _ := escape(s)
			b.WriteString(s[:k])
			s, attributes = s[k:], true
			continue
		}
		next := strings.IndexByte(s, 0x1b)
		if next < 0 {
			next = len(s)
		}
		for c := displaywidth.StringGraphemes(s[:next]); c.Next(); {
			w := c.Width()
			if at+w > n {
				return b.String()[:keep] + g.more + ending(attributes)
			}
			switch {
			case at >= 0:
				b.WriteString(c.Value())
			case at+w > 0: // a wide one in half
				b.WriteString(strings.Repeat(" ", at+w))
			}
			if at += w; at < n {
				keep = b.Len()
			}
		}
		s = s[next:]
	}
	return b.String() + ending(attributes)
}

func ending(attributes bool) string {
	if attributes {
		return "\x1b[m"
	}
	return ""
}

// strip takes the escape sequences out.
func strip(s string) string {
	if !strings.Contains(s, "\x1b") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if s[0] == 0x1b {
			n, _ := escape(s)
			s = s[n:]
			continue
		}
		next := strings.IndexByte(s, 0x1b)
		if next < 0 {
			next = len(s)
		}
		b.WriteString(s[:next])
		s = s[next:]
	}
	return b.String()
}

// span writes a duration in few characters: 4s, 12m, 3h20m, 5d04h.
func span(d time.Duration) string {
	s := int64(d / time.Second)
	two := func(n int64) string { return strconv.Itoa(int(100 + n))[1:] }
	switch {
	case s < 0:
		return "0s"
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + "m" + two(s%60) + "s"
	case s < 86400:
		return strconv.FormatInt(s/3600, 10) + "h" + two(s/60%60) + "m"
	case s < 1000*86400:
		return strconv.FormatInt(s/86400, 10) + "d" + two(s/3600%24) + "h"
	}
	return strconv.FormatInt(s/86400, 10) + "d"
}

// size writes bytes in at most five characters: 512K, 1.5M, 12M, 1.2G.
func size(n uint64) string {
	v, unit := float64(n)/1024, "K"
	for _, u := range []string{"M", "G", "T", "P"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1024, u
	}
	if v < 9.95 && unit != "K" {
		return strconv.FormatFloat(v, 'f', 1, 64) + unit
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + unit
}
