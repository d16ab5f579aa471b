package supervisord

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// shlexSplit splits a command as Python's shlex.split does. It differs from a
// shell in what a backslash means between double quotes.
func shlexSplit(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\n', '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New("it ends in a backslash")
			}
			word.WriteByte(line[i])
			inWord = true
		case '\'', '"':
			inWord = true
			for i++; ; i++ {
				if i == len(line) {
					return nil, fmt.Errorf("the quote %c is not closed", c)
				}
				if line[i] == c {
					break
				}
				if c == '"' && line[i] == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\') {
					i++
				}
				word.WriteByte(line[i])
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// variable is one of an environment.
type variable struct{ name, value string }

// variables reads KEY="value",KEY2=value2 with the lexer that supervisord takes
// for it, Python's shlex in its old mode: words are of letters, digits and
// _/.+-():, all else is a token of its own, and quotes stay a part of theirs.
func variables(text string) ([]variable, error) {
	tokens, err := tokens(text)
	if err != nil {
		return nil, err
	}
	var out []variable
	for i := 0; i < len(tokens); i += 4 {
		if i+2 >= len(tokens) || tokens[i+1] != "=" {
			return nil, fmt.Errorf(`at %q: it is to be KEY="value",KEY2="value2"`, tokens[i])
		}
		out = append(out, variable{tokens[i], strings.Trim(tokens[i+2], `'"`)})
	}
	return out, nil
}

// tokens is shlex.shlex(text) with wordchars += "/.+-():". A comment, from # to
// the end of a line, is none of them.
func tokens(text string) ([]string, error) {
	isWord := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("/.+-():", c) >= 0
	}
	var out []string
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case c == '"' || c == '\'':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("the quote %c is not closed", c)
			}
			i += end + 2
		case isWord(c):
			// A quote within a word is a letter like others, and a comment ends no word.
			var word strings.Builder
			for i < len(text) && (isWord(text[i]) || strings.IndexByte(`"'#`, text[i]) >= 0) {
				if text[i] == '#' {
					for i < len(text) && text[i] != '\n' {
						i++
					}
					i = min(i+1, len(text))
					continue
				}
				word.WriteByte(text[i])
				i++
			}
			out = append(out, word.String())
			continue
		default:
			_, n := utf8.DecodeRuneInString(text[i:])
			i += n
		}
		out = append(out, text[start:i])
	}
	return out, nil
}
