package config

import (
	"errors"
	"strings"
)

// SplitWords splits a command line into words as a shell does, without doing
// any of the rest that a shell does: no variables, no patterns, no operators.
//
// Blanks and newlines part words. Between single quotes everything stands for
// itself. Between double quotes a backslash takes the meaning from '"', '\',
// '$', '`' and a newline, and is kept before anything else. Elsewhere it takes
// the meaning from whatever follows; a newline after it vanishes.
func SplitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	end := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			end()
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New("the command ends in a backslash")
			}
			if line[i] != '\n' {
				word.WriteByte(line[i])
				inWord = true
			}
		case '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(line[i+1 : i+1+n])
			i += n + 1
			inWord = true
		case '"':
			n, ok := doubleQuoted(&word, line[i+1:])
			if !ok {
				return nil, errors.New("a double quote is not closed")
			}
			i += n
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	end()
	return words, nil
}

// doubleQuoted adds to word what stands in text up to the closing quote, and
// gives the length of it, the quote included.
func doubleQuoted(word *strings.Builder, text string) (length int, closed bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\' && i+1 < len(text) && strings.IndexByte("\"\\$`\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, false
}

// wantsShell finds in the words of a command something that only a shell would
// understand, "" when there is nothing.
func wantsShell(words []string) string {
	for _, w := range words {
		switch w {
		case "|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1", "2>":
			return w
		}
		if i := strings.IndexByte(w, '$'); i >= 0 && i+1 < len(w) && (w[i+1] == '{' || w[i+1] == '(' || isVariableStart(w[i+1])) {
			return w
		}
	}
	return ""
}

func isVariableStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
