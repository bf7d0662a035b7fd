package replay

import (
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
)

// A Judge judges recorded requests at their recorded time. [engine.Replay] implements it.
type Judge interface {
	// Judge judges a request and its response. It does not keep ev.
	Judge(ev *event.Event) engine.Outcome
}
