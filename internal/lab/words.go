package lab

import "strings"

// Lang is a language of the course.
type Lang string

// The languages.
const (
	English Lang = "en"
	Spanish Lang = "es"
)

// Words is a text in both languages. Where it is a format, both have the same
// verbs in the same order.
type Words struct{ EN, ES string }

// In gives the text in a language.
func (w Words) In(l Lang) string {
	if l == Spanish {
		return w.ES
	}
	return w.EN
}

// ParseLang reads --lang; ok is false for a language that the course is not in.
func ParseLang(word string) (l Lang, ok bool) {
	switch l = Lang(word); l {
	case English, Spanish:
		return l, true
	}
	return English, false
}

// Locale gives the language of a user whose environment getenv reads, as
// setlocale(3) finds it for messages. Every other language is English.
func Locale(getenv func(string) string) Lang {
	for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := getenv(variable)
		if value == "" {
			continue
		}
		language, _, _ := strings.Cut(value, ".")
		language, _, _ = strings.Cut(language, "@")
		language, _, _ = strings.Cut(language, "_")
		if language == string(Spanish) {
			return Spanish
		}
		return English
	}
	return English
}

// decimal writes a number with the language's decimal mark.
func decimal(number string, l Lang) string {
	if l == Spanish {
		return strings.ReplaceAll(number, ".", ",")
	}
	return number
}
