package waf

// The processor time for a request is counted in units of work. Two or three units take
// about one nanosecond. If a request needs more than maxWork plus workOfAByte for each byte
// of its body, the client probably built it to be slow. The rest of it is not inspected
// then: see [Inspection.Costly].
const (
	maxWork     = 700_000
	workOfAByte = 14 // of the body, so that a larger body may take longer
)

// The costs of the kinds of work.
const (
	costOfAsking    = 20   // to test one value
	costOfValue     = 6    // to look at one value's name
	costOfCounting  = 150  // to count a value by its name
	costOfByte      = 1    // to search one byte of a text for literals
	costOfTransform = 1    // to transform one byte
	costOfReading   = 2    // to parse one byte of the body, or of data decoded from it
	costOfAdding    = 30   // to add a value to its zone
	costOfPart      = 1500 // to read one part of a multipart body
	costOfInjection = 80   // to search one byte for SQL or scripts
)

// costOfByte returns the cost of comparing one byte of a value.
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

// isSpent reports whether the request has used all its units of work.
func (in *Inspection) isSpent() bool { return in.work > maxWork+workOfAByte*in.length }

// Costly reports whether the inspection stopped because it took too much work, or whether
// the head or a form is larger than any of an honest client.
func (in *Inspection) Costly() bool { return in.isSpent() || in.padded }
