package compat

import (
	"fmt"
	"strings"
)

// getopt reads options as getopt_long(3) of glibc does when the options end at
// the first word that is none.
type getopt struct {
	name  string // argv[0], for its complaints
	short string // "p:hv": a colon says that the letter takes an argument
	long  []longOption
	args  []string // what is not read yet
	rest  string   // of a word of short options
}

type longOption struct {
	name     string
	argument bool
	letter   byte
}

// next gives the next option. ok: there is one. complaint is what glibc prints
// when it is wrong.
func (g *getopt) next() (letter byte, argument, complaint string, ok bool) {
	if g.rest == "" {
		if len(g.args) == 0 || len(g.args[0]) < 2 || g.args[0][0] != '-' {
			return 0, "", "", false
		}
		word := g.args[0]
		g.args = g.args[1:]
		if word == "--" {
			return 0, "", "", false
		}
		if g.long != nil && strings.HasPrefix(word, "--") {
			letter, argument, complaint = g.longOption(word[2:])
			return letter, argument, complaint, true
		}
		g.rest = word[1:]
	}
	letter, g.rest = g.rest[0], g.rest[1:]
	i := strings.IndexByte(g.short, letter)
	if i < 0 || letter == ':' {
		return letter, "", fmt.Sprintf("%s: invalid option -- '%c'\n", g.name, rune(letter)), true
	}
	if i+1 == len(g.short) || g.short[i+1] != ':' {
		return letter, "", "", true
	}
	if g.rest != "" {
		argument, g.rest = g.rest, ""
		return letter, argument, "", true
	}
	if len(g.args) == 0 {
		return letter, "", fmt.Sprintf("%s: option requires an argument -- '%c'\n", g.name, rune(letter)), true
	}
	argument, g.args = g.args[0], g.args[1:]
	return letter, argument, "", true
}

// longOption reads "name" or "name=argument"; a beginning that only one name
// has is enough.
func (g *getopt) longOption(word string) (letter byte, argument, complaint string) {
	name, value, valued := strings.Cut(word, "=")
	var found []longOption
	for _, o := range g.long {
		if o.name == name {
			found = []longOption{o}
			break
		}
		if strings.HasPrefix(o.name, name) {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return 0, "", fmt.Sprintf("%s: unrecognized option '--%s'\n", g.name, word)
	case len(found) > 1:
		var b strings.Builder
		fmt.Fprintf(&b, "%s: option '--%s' is ambiguous; possibilities:", g.name, word)
		for _, o := range found {
			fmt.Fprintf(&b, " '--%s'", o.name)
		}
		return 0, "", b.String() + "\n"
	}
	o := found[0]
	switch {
	case valued && !o.argument:
		return o.letter, "", fmt.Sprintf("%s: option '--%s' doesn't allow an argument\n", g.name, o.name)
	case !valued && o.argument && len(g.args) == 0:
		return o.letter, "", fmt.Sprintf("%s: option '--%s' requires an argument\n", g.name, o.name)
	case !valued && o.argument:
		value, g.args = g.args[0], g.args[1:]
	}
	return o.letter, value, ""
}

// integer reads the number that text begins with, as strtol(3) to the base 10:
// white space, a sign, digits. n is how much of it was read; 0: no number.
func integer(text string) (value int64, n int) {
	const limit = 1 << 40 // more than any caller takes for valid
	i := spaces(text)
	negative := false
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		negative = text[i] == '-'
		i++
	}
	first := i
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		value = min(value*10+int64(text[i]-'0'), limit)
	}
	if i == first {
		return 0, 0
	}
	if negative {
		value = -value
	}
	return value, i
}

// spaces counts the white space that text begins with (isspace(3)).
func spaces(text string) int {
	return len(text) - len(strings.TrimLeft(text, " \t\n\v\f\r"))
}
