package test

import "testing"

func TestRun(t *testing.T) { runScripts(t, "run") }
