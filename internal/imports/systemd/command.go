package systemd

import (
	"strings"

	"supervise/internal/imports"
	"supervise/internal/unitfile"
)

// command is one command line of an Exec setting.
type command struct {
	words  []string
	ignore bool // "-": its failure does not count
	plain  bool // ":": no variables in it
	from   unitfile.Setting
}

// commands reads all of a setting's command lines.
func (u *unit) commands(s *imports.Service, table, name string) []command {
	var out []command
	for _, one := range u.own.list(name) {
		words, err := unitfile.Words(one.Value)
		if err != nil {
			lost(s, table, one, "cannot be split into words: "+err.Error(), "")
			continue
		}
		for len(words) > 0 {
			var c command
			c.words, words = untilSemicolon(words)
			if c.from = one; len(c.words) > 0 && u.prefixes(s, table, &c) {
				for i := range c.words {
					c.words[i] = u.expand(one, c.words[i])
				}
				out = append(out, c)
			}
		}
	}
	return out
}

// untilSemicolon parts command lines that a lone semicolon parts.
func untilSemicolon(words []string) (first, rest []string) {
	for i, w := range words {
		if w == ";" {
			return first, words[i+1:]
		}
		if w == `\;` {
			w = ";"
		}
		first = append(first, w)
	}
	return first, nil
}

// prefixes takes the prefixes of a program's name into account.
func (u *unit) prefixes(s *imports.Service, table string, c *command) bool {
	for c.words[0] != "" {
		switch c.words[0][0] {
		case '-':
			c.ignore = true
		case ':':
			c.plain = true
		case '@':
			if len(c.words) > 1 {
				lost(s, table, c.from, "a program's own name for itself, "+c.words[1]+", cannot be chosen", "")
				c.words = append(c.words[:1], c.words[2:]...)
			}
		case '+', '!':
			if _, hasUser := u.own.last("User"); hasUser {
				lost(s, table, c.from, "all commands of a service are run as its user", "make what has to be run as root a task of its own, which this service needs")
			}
		default:
			return true
		}
		c.words[0] = c.words[0][1:]
	}
	return false
}

// hasVariables says whether systemd replaces something in the command.
func (c command) hasVariables() bool {
	if c.plain {
		return false
	}
	for _, w := range c.words[1:] {
		if _, whole := wholeVariable(w); whole {
			return true
		}
		for _, piece := range pieces(w) {
			if piece.variable {
				return true
			}
		}
	}
	return false
}

// arguments gives the words of a command without variables.
func (c command) arguments() []string {
	if c.plain {
		return c.words
	}
	out := make([]string, len(c.words))
	for i, w := range c.words {
		out[i] = w
		if i > 0 {
			out[i] = strings.ReplaceAll(w, "$$", "$")
		}
	}
	return out
}

// shell gives the command as a shell understands it. set -f has to stand before
// it when there are variables, since systemd splits them and does no more.
func (c command) shell() string {
	var b strings.Builder
	for i, w := range c.words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.shellWord(i, w))
	}
	if c.ignore {
		b.WriteString(" || true")
	}
	return b.String()
}

func (c command) shellWord(i int, word string) string {
	if c.plain || i == 0 {
		return imports.ShellQuote(word)
	}
	if name, whole := wholeVariable(word); whole {
		return "$" + name // split into words
	}
	var b strings.Builder
	for _, p := range pieces(word) {
		if p.variable {
			b.WriteString(`"${` + p.text + `}"`)
		} else if p.text != "" {
			b.WriteString(imports.ShellQuote(p.text))
		}
	}
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// wholeVariable says whether a word is $NAME.
func wholeVariable(word string) (name string, ok bool) {
	name, ok = strings.CutPrefix(word, "$")
	return name, ok && isVariable(name)
}

func isVariable(name string) bool {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

// piece is a part of a word: text, or the name of a variable.
type piece struct {
	text     string
	variable bool
}

// pieces finds ${NAME} and $$ in a word.
func pieces(word string) []piece {
	var out []piece
	text := ""
	for {
		before, rest, found := strings.Cut(word, "$")
		text += before
		if !found {
			return append(out, piece{text: text})
		}
		name, after, closed := strings.Cut(rest, "}")
		switch {
		case strings.HasPrefix(rest, "$"):
			text, word = text+"$", rest[1:]
		case strings.HasPrefix(name, "{") && closed && isVariable(name[1:]):
			out = append(out, piece{text: text}, piece{text: name[1:], variable: true})
			text, word = "", after
		default:
			text, word = text+"$", rest
		}
	}
}

// join gives several commands as one, each run when the one before has succeeded.
func join(all []command) string {
	parts := make([]string, len(all))
	for i, c := range all {
		if parts[i] = c.shell(); c.ignore && len(all) > 1 {
			parts[i] = "{ " + parts[i] + "; }"
		}
	}
	return setF(all) + strings.Join(parts, " && ")
}

func setF(all []command) string {
	for _, c := range all {
		if c.hasVariables() {
			return "set -f; "
		}
	}
	return ""
}

// asWords gives commands as the words of one program: a shell's, where it takes one.
func asWords(all []command) []string {
	if c := all[0]; len(all) == 1 && !c.ignore && !c.hasVariables() {
		return c.arguments()
	} else if len(all) == 1 && !c.ignore {
		return []string{"sh", "-c", setF(all) + "exec " + c.shell()}
	}
	return []string{"sh", "-c", join(all)}
}
