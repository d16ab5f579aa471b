// Package visible makes text that others wrote safe to show: what a service, a
// process or a file calls itself must not move the cursor, change the title of
// the terminal or begin a line.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text writes control characters as ^[ or <85>, and so bytes that are no UTF-8,
// and what turns the direction of writing around.
func Text(text string) string {
	if !strings.ContainsFunc(text, Hidden) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		b.WriteString(show(r, text[:n]))
		text = text[n:]
	}
	return b.String()
}

// Lines is Text for each line of a message.
func Lines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Line is Text for a line of output on a terminal: tabs and colours stay as they
// are, and colours end with their line. A carriage return at the end is left out.
func Line(line string) string {
	line = strings.TrimSuffix(line, "\r")
	if !strings.ContainsFunc(line, Hidden) && utf8.ValidString(line) {
		return line
	}
	var b strings.Builder
	coloured := false
	for len(line) > 0 {
		if n := colourLength(line); n > 0 {
			b.WriteString(line[:n])
			line, coloured = line[n:], true
			continue
		}
		r, n := utf8.DecodeRuneInString(line)
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteString(show(r, line[:n]))
		}
		line = line[n:]
	}
	if coloured {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// colourLength is the length of the sequence that sets colours (SGR, ECMA-48
// 8.3.117) with which text begins; 0: it does not.
func colourLength(text string) int {
	rest, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return 0
	}
	parameters := strings.TrimLeft(rest, "0123456789;:")
	if !strings.HasPrefix(parameters, "m") {
		return 0
	}
	return len(text) - len(parameters) + 1
}

// Hidden says whether a character is none that one sees where it stands. Those
// that turn the direction of writing would turn the rest of a screen's line too.
func Hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

func show(r rune, bytes string) string {
	switch {
	case r == utf8.RuneError && len(bytes) == 1:
		return fmt.Sprintf("<%02x>", bytes[0])
	case !Hidden(r):
		return bytes
	case r < ' ':
		return "^" + string(r+'@')
	case r == 0x7f:
		return "^?"
	}
	return fmt.Sprintf("<%x>", r)
}
