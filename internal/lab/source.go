package lab

import "strings"

// Source gives a program with the comments of one language. In the files of the
// course a comment line begins with #en or with #es; all other lines are for
// everybody. So there is one program, and no second one that falls behind it.
func Source(file string, l Lang) string {
	var b strings.Builder
	for line := range strings.Lines(file) {
		text := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(text)]
		switch {
		case strings.HasPrefix(text, "#"+string(l)):
			b.WriteString(indent + "#" + text[3:])
		case strings.HasPrefix(text, "#en"), strings.HasPrefix(text, "#es"):
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// Section gives the part of a text under a heading that begins with title,
// without the heading.
func Section(text, title string) string {
	_, rest, found := strings.Cut(text, "\n## "+title)
	if !found {
		return ""
	}
	_, rest, _ = strings.Cut(rest, "\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	return strings.TrimSpace(rest)
}

// InShort is the heading of the last part of each text.
var InShort = Words{"In short", "En breve"}
