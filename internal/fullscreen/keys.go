package fullscreen

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Key is a key that was pressed: the character, or a name such as "up",
// "pgdown", "enter", "esc", "ctrl+c".
type Key string

// Paste is text that was pasted, without control characters.
type Paste string

func (Key) event()   {}
func (Paste) event() {}

// Rune is the character that the key types, or 0.
func (k Key) Rune() rune {
	if k == "space" {
		return ' '
	}
	if r, n := utf8.DecodeRuneInString(string(k)); n == len(k) && unicode.IsPrint(r) {
		return r
	}
	return 0
}

// escWait is how long the rest of a key's bytes may take; an Esc that nothing
// follows is the key of that name. Longer is felt, shorter breaks slow lines.
const escWait = 50 // ms

const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// longestPaste bounds what is kept of a paste that has no end.
const longestPaste = 64 << 10

// read decodes what is typed until the terminal is gone.
func (t *Terminal) read() {
	var pending []byte
	buf := make([]byte, 4096)
	for {
		n, err := t.in.Read(buf)
		if n > 0 {
			pending = append(pending, buf[:n]...)
			var events []Event
			if events, pending = Decode(pending, false); len(pending) > 0 && !t.more() {
				var rest []Event
				rest, pending = Decode(pending, true)
				events = append(events, rest...)
			}
			for _, e := range events {
				t.events <- e
			}
		}
		if err != nil || n == 0 {
			t.events <- Gone{}
			return
		}
	}
}

// more says whether more comes soon.
func (t *Terminal) more() bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}}, escWait)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// Decode turns bytes from the terminal into events, and gives what is only the
// beginning of one. final says that no more comes for now: then only a paste
// that has not ended stays. What is no key that is known gives nothing.
func Decode(b []byte, final bool) (events []Event, rest []byte) {
	for len(b) > 0 {
		if s := string(b); strings.HasPrefix(s, pasteBegin) {
			text, after, ended := strings.Cut(s[len(pasteBegin):], pasteEnd)
			if !ended && len(text) < longestPaste {
				return events, b
			}
			events = append(events, Paste(strings.Map(printable, text)))
			b = []byte(after)
			continue
		}
		key, n := decodeKey(b, final)
		if n == 0 {
			return events, b
		}
		if b = b[n:]; key != "" {
			events = append(events, key)
		}
	}
	return events, nil
}

func printable(r rune) rune {
	if unicode.IsPrint(r) && r != utf8.RuneError {
		return r
	}
	return -1
}

// decodeKey reads one key; n is 0 when b is only its beginning.
func decodeKey(b []byte, final bool) (key Key, n int) {
	switch c := b[0]; {
	case c == 0x1b:
		return decodeEscape(b, final)
	case c == '\r' || c == '\n':
		return "enter", 1
	case c == '\t':
		return "tab", 1
	case c == 0x7f || c == 8:
		return "backspace", 1
	case c == ' ':
		return "space", 1
	case c == 0:
		return "", 1
	case c < 0x1b:
		return Key("ctrl+" + string(rune('a'+c-1))), 1
	case c < ' ':
		return "", 1
	}
	if !utf8.FullRune(b) && !final {
		return "", 0
	}
	r, n := utf8.DecodeRune(b)
	if !unicode.IsPrint(r) || r == utf8.RuneError {
		return "", n
	}
	return Key(b[:n]), n
}

// decodeEscape reads the sequences that keys send: CSI and SS3 (ECMA-48, and
// ctlseqs of xterm).
func decodeEscape(b []byte, final bool) (Key, int) {
	if len(b) == 1 || b[1] == 0x1b {
		if !final && len(b) == 1 {
			return "", 0
		}
		return "esc", 1
	}
	switch b[1] {
	case '[':
	case 'O':
		if len(b) < 3 {
			return incomplete(b, final)
		}
		return byLetter(b[2]), 3
	default: // Alt and a key: none that is used here
		if !utf8.FullRune(b[1:]) && !final {
			return "", 0
		}
		_, n := utf8.DecodeRune(b[1:])
		return "", 1 + n
	}
	if len(b) > 2 && b[2] == '[' { // F1 to F5 of the Linux console
		if len(b) < 4 {
			return incomplete(b, final)
		}
		return "", 4
	}
	for i := 2; i < len(b); i++ {
		c := b[i]
		switch {
		case c >= 0x40 && c <= 0x7e:
			params := string(b[2:i])
			if c == '~' {
				number, _, _ := strings.Cut(params, ";")
				return byNumber(number), i + 1
			}
			return byLetter(c), i + 1
		case c < 0x20 || c > 0x3f:
			return "", i // broken; what is here begins something else
		}
	}
	return incomplete(b, final)
}

// incomplete is for a sequence that has not ended: if it never will, it is no
// key.
func incomplete(b []byte, final bool) (Key, int) {
	if final {
		return "", len(b)
	}
	return "", 0
}

// byLetter is the key whose sequence ends in c; empty: none that we know.
func byLetter(c byte) Key {
	switch c {
	case 'A':
		return "up"
	case 'B':
		return "down"
	case 'C':
		return "right"
	case 'D':
		return "left"
	case 'H':
		return "home"
	case 'F':
		return "end"
	case 'Z':
		return "shift+tab"
	case 'M':
		return "enter"
	}
	return ""
}

// byNumber is the key of the sequence "\x1b[number~".
func byNumber(number string) Key {
	switch number {
	case "1", "7":
		return "home"
	case "4", "8":
		return "end"
	case "5":
		return "pgup"
	case "6":
		return "pgdown"
	case "3":
		return "delete"
	}
	return ""
}
