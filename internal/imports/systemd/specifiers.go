package systemd

import (
	"path"
	"strings"

	"supervise/internal/unitfile"
)

// expand replaces specifiers as the system's manager does, see systemd.unit(5).
// Those that only it knows, such as the machine's identity, stay, with a remark.
func (u *unit) expand(one unitfile.Setting, text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found || rest == "" {
			if found {
				b.WriteByte('%')
			}
			return b.String()
		}
		value, known := u.specifier(rest[0])
		if !known {
			value = "%" + rest[:1]
			if u.service != nil && !u.bad[value] {
				u.bad[value] = true
				lost(u.service, "", one, value+" is known to systemd alone, and stands there as it is", "write what it is to be")
			}
		}
		b.WriteString(value)
		text = rest[1:]
	}
}

func (u *unit) specifier(c byte) (string, bool) {
	switch c {
	case '%':
		return "%", true
	case 'n':
		return u.name, true
	case 'N':
		return strings.TrimSuffix(u.name, path.Ext(u.name)), true
	case 'p':
		return u.prefix, true
	case 'P':
		return unescapeName(u.prefix), true
	case 'i':
		return u.instance, true
	case 'I':
		return unescapeName(u.instance), true
	case 'j', 'J':
		last := u.prefix[strings.LastIndexByte(u.prefix, '-')+1:]
		if c == 'J' {
			last = unescapeName(last)
		}
		return last, true
	case 'f':
		if u.instance != "" {
			return "/" + unescapeName(u.instance), true
		}
		return "/" + unescapeName(u.prefix), true
	case 'y':
		return u.file, true
	case 'Y':
		return path.Dir(u.file), true
	case 'u', 'g':
		return "root", true
	case 'U', 'G':
		return "0", true
	case 'h':
		return "/root", true
	case 's':
		return "/bin/sh", true
	case 't':
		return "/run", true
	case 'S':
		return "/var/lib", true
	case 'C':
		return "/var/cache", true
	case 'L':
		return "/var/log", true
	case 'E':
		return "/etc", true
	case 'T':
		return "/tmp", true
	case 'V':
		return "/var/tmp", true
	}
	return "", false
}

// unescapeName undoes systemd-escape(1): a dash was a slash, \x2d a dash.
func unescapeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] == '-':
			b.WriteByte('/')
		case name[i] == '\\' && i+3 < len(name) && name[i+1] == 'x':
			words, err := unitfile.Words(name[i : i+4])
			if err != nil || len(words) != 1 || len(words[0]) != 1 {
				b.WriteByte('\\')
				continue
			}
			b.WriteString(words[0])
			i += 3
		default:
			b.WriteByte(name[i])
		}
	}
	return strings.ToValidUTF8(b.String(), "")
}
