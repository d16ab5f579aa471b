package compat

import "testing"

// FuzzRest: the time for the rest is one, or an error that names the variable.
func FuzzRest(f *testing.F) {
	f.Add("2s")
	f.Add("")
	f.Add("-1s")
	f.Add("1")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := restFrom(environment(map[string]string{RestVariable: text})); r < 0 || err != nil && r != 0 {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	})
}
