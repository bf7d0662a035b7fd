package waf

// What one request costs is counted in units of work, of which two or three take a
// nanosecond. One that takes more than a request and its body may was made to be slow. What
// is left of it is not looked at then: see [Inspection.Costly].
const (
	maxWork     = 2_000_000
	workOfAByte = 16 // of the body; so that a larger one may take longer
)

// What a piece of work costs.
const (
	costOfAsking    = 20   // a test of one value
	costOfValue     = 6    // to look at one value's name
	costOfCounting  = 150  // to count a value by its name
	costOfByte      = 1    // of a text in which literals are looked for
	costOfTransform = 1    // of a byte that a transform looks at
	costOfReading   = 1    // of a byte of the body, or of what is made of it
	costOfAdding    = 60   // a value to those of its zone
	costOfPart      = 1500 // of a multipart body
	costOfInjection = 80   // of a byte that is searched for SQL or for scripts
)

// costOfByte is what it costs to compare a byte of a value.
func (k operatorKind) costOfByte() int {
	switch k {
	case opContains, opWords:
		return 1
	case opRegex:
		return 6
	}
	return 0
}

func (in *Inspection) spend(work int) { in.work += work }

// isSpent reports whether the request was made to be slow.
func (in *Inspection) isSpent() bool { return in.work > maxWork+workOfAByte*in.length }

// Costly reports whether the request would have taken too much work to be looked at whole,
// or has a head or a form as no honest one has.
func (in *Inspection) Costly() bool { return in.isSpent() || in.padded }
