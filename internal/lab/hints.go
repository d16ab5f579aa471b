package lab

import "regexp"

// hint is a Hint in one line.
func hint(id string, when func(*Report) bool, en, es string) Hint {
	return Hint{ID: id, When: when, Says: Words{en, es}}
}

// The conditions of hints.

// stuck: a step did not come about.
func stuck(r *Report) bool { return r.Stuck >= 0 }

// killedBy: a signal ended the program.
func killedBy(signal string) func(*Report) bool {
	return func(r *Report) bool { return r.KilledBy(signal) }
}

// raised: Python ended with an error that matches.
func raised(pattern string) func(*Report) bool {
	match := regexp.MustCompile(pattern)
	return func(r *Report) bool { return match.MatchString(r.mistake()) }
}

// has and hasNot: a line matches, or none does.
func has(pattern string) func(*Report) bool { return func(r *Report) bool { return r.Has(pattern) } }
func hasNot(pattern string) func(*Report) bool {
	return func(r *Report) bool { return !r.Has(pattern) }
}
