package test

import "testing"

func TestControlCommands(t *testing.T) { runScripts(t, "control") }
