package waf

// The processor time for a request is counted in units of work. About two units take one
// nanosecond. If a request needs more than maxWork plus workOfAByte for each byte of its
// body, the client probably built it to be slow. The rest of it is not inspected then: see
// [Inspection.Costly].
//
// Detectors get what rules leave of maxTotal, which is enough for a body of 128 KiB. With a
// longer body they get at least workOfDetectors.
const (
	maxWork         = 1_000_000
	workOfAByte     = 10 // of the body, so that a larger body may take longer
	maxTotal        = 2_600_000
	workOfDetectors = 330_000
	workOfReading   = 1_000_000 // that the head leaves to read a body: see costOfPart
)

// The costs of the kinds of work.
const (
	costOfAsking    = 20   // to test one value
	costOfValue     = 6    // to look at one value's name
	costOfCounting  = 150  // to count a value by its name
	costOfByte      = 1    // to search one byte of a text for literals
	costOfTransform = 1    // to transform one byte
	costOfHigh      = 14   // in addition, if it is not ASCII
	costOfReading   = 2    // to parse one byte of the body, or of data decoded from it
	costOfAdding    = 30   // to add a value to its zone
	costOfNaming    = 20   // to find the name of a value of JSON among the others
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

// affords spends work that is about to be done, unless there is too little left for it. Then
// the request has used all its units.
func (in *Inspection) affords(work int) bool {
	if left := min(in.most(), in.total()-in.shown) - in.work; work > left {
		in.work += left + 1
		return false
	}
	in.work += work
	return true
}

// isSpent reports whether the request has used all its units of work.
func (in *Inspection) isSpent() bool { return in.work > in.most() || in.work+in.shown > in.total() }

// most returns how many units rules may take.
func (in *Inspection) most() int { return maxWork + workOfAByte*in.length }

// total returns how many units rules and detectors may take together.
func (in *Inspection) total() int { return max(maxTotal, in.most()+workOfDetectors) }

// unspent returns how many units there still are. The head leaves enough to read the body.
func (in *Inspection) unspent() int {
	if in.awaits {
		return in.total() - in.Work() - workOfReading
	}
	return in.total() - in.Work()
}

// allow tells detectors how many units they may take.
func (in *Inspection) allow() {
	left := in.unspent()
	for _, w := range in.watches {
		w.Allow(left + w.Work())
	}
}

// Costly reports whether the inspection stopped because it took too much work, or whether
// the head or a form is larger than any of an honest client.
func (in *Inspection) Costly() bool { return in.isSpent() || in.padded }

// Work returns the units of work so far, those of detectors included.
func (in *Inspection) Work() int {
	work := in.work
	for _, w := range in.watches {
		work += w.Work()
	}
	return work
}
