package config

import (
	"fmt"
	"strings"
)

// quoteTOML writes a TOML string.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quoteKey writes a TOML key, bare where that will do.
func quoteKey(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !isKeyChar(c) }) {
		return s
	}
	return quoteTOML(s)
}

// isKeyChar says whether c may stand in a key without quotes.
func isKeyChar(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// Quote writes s as a TOML string, for those who write a configuration. A
// percent sign in it means what it means there.
func Quote(s string) string { return quoteTOML(s) }

// QuoteKey writes s as a TOML key, bare where that will do.
func QuoteKey(s string) string { return quoteKey(s) }
