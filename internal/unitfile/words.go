package unitfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Words splits a value into words, takes the quotes away and reads the escapes,
// as systemd.syntax(7), "Quoting", has it.
func Words(value string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	quote := byte(0)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\':
			text, n, err := unescape(value[i+1:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i += n
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	for _, w := range words {
		if !utf8.ValidString(w) || strings.ContainsRune(w, 0) {
			return nil, fmt.Errorf("%q is not text", w)
		}
	}
	return words, nil
}

// unescape reads what follows a backslash, and gives its length. What is no
// escape stays as it is, the backslash too.
func unescape(s string) (text string, length int, err error) {
	if s == "" {
		return "", 0, errors.New("it ends in a backslash")
	}
	if i := strings.IndexByte(`abfnrtv\"'s`, s[0]); i >= 0 {
		return "\a\b\f\n\r\t\v\\\"' "[i : i+1], 1, nil
	}
	prefix, digits, base := 1, 0, 16
	switch {
	case s[0] == 'x':
		digits = 2
	case s[0] == 'u':
		digits = 4
	case s[0] == 'U':
		digits = 8
	case s[0] >= '0' && s[0] <= '7':
		prefix, digits, base = 0, 3, 8
	}
	if digits == 0 || len(s) < prefix+digits {
		return "\\", 0, nil
	}
	length = prefix + digits
	v, err := strconv.ParseUint(s[prefix:length], base, 32)
	if err != nil || v == 0 || v > utf8.MaxRune || digits < 4 && v > 255 {
		return "\\", 0, nil
	}
	if digits < 4 {
		return string([]byte{byte(v)}), length, nil
	}
	return string(rune(v)), length, nil
}

// Quote writes a word of a value so that [Words] and systemd read the same.
// Percent signs are doubled, so that they are no specifiers.
func Quote(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune("\"'\\;#", c) }) {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Command writes a command line for Exec settings. A dollar sign is doubled, so
// that it is no variable.
func Command(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		w = strings.ReplaceAll(w, "$", "$$")
		if out[i] = Quote(w); i == 0 && w != "" && strings.ContainsRune("-@:+!", rune(w[0])) {
			out[i] = ":" + out[i] // or its first character would be a prefix
		}
	}
	return strings.Join(out, " ")
}
