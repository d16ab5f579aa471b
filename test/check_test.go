package test

import "testing"

func TestCheck(t *testing.T) { runScripts(t, "check") }
