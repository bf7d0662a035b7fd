package inflate

// The costs of the kinds of work.
const (
	costOfBlock  = 30
	costOfTables = 8000
	costOfCode   = 14 // a symbol, whatever it stands for
	costOfLong   = 40 // if its code is a long one
	costOfCopy   = 25 // of bytes from before
	bytesAtOnce  = 8  // that are copied for one unit
)

// stream reads blocks up to the last one.
func (d *Decoder) stream() End {
	for {
		if d.work -= costOfBlock; d.work < 0 {
			return Cut
		}
		d.fill()
		last, kind := d.take(1), d.take(2)
		if d.isOver() {
			return Broken
		}
		end := Broken
		switch kind {
		case 0:
			end = d.stored()
		case 1:
			d.symbols, d.distances = &fixedSymbols, &fixedDistances
			end = d.codes()
		case 2:
			if end = d.dynamic(); end == Done {
				end = d.codes()
			}
		}
		if end != Done || last == 1 {
			return end
		}
	}
}

// stored reads a block that is not compressed.
func (d *Decoder) stored() End {
	const head = 4 // the length, and its complement
	d.align()
	if len(d.s)-d.at < head {
		return Broken
	}
	size := int(d.s[d.at]) | int(d.s[d.at+1])<<8
	if size^0xffff != int(d.s[d.at+2])|int(d.s[d.at+3])<<8 {
		return Broken
	}
	d.at += head
	end, n := Done, size
	if there := len(d.s) - d.at; n > there {
		end, n = Broken, there
	}
	if room := d.end - len(d.out); n > room {
		end, n = Cut, room
	}
	d.out = append(d.out, d.s[d.at:d.at+n]...)
	d.at += n
	d.work -= n / bytesAtOnce
	return end
}

// The tables that every decoder knows.
var fixedSymbols, fixedDistances = func() (symbols, distances table) {
	var lengths [maxSymbols]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	symbols.make(lengths[:])
	for i := range maxDistances {
		lengths[i] = 5
	}
	distances.make(lengths[:maxDistances])
	return symbols, distances
}()

// order is how the lengths of the codes for lengths stand in a block.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the tables of a block.
func (d *Decoder) dynamic() End {
	if d.work -= costOfTables; d.work < 0 {
		return Cut
	}
	d.symbols, d.distances = &d.own[0], &d.own[1]
	d.fill()
	symbols, distances, lengths := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if symbols > maxSymbols-2 || distances > maxDistances-2 {
		return Broken
	}
	d.lengths = [maxSymbols + maxDistances]uint8{}
	var ofLengths [19]uint8
	for i := range lengths {
		d.fill()
		ofLengths[order[i]] = uint8(d.take(3))
	}
	if d.isOver() || !d.symbols.make(ofLengths[:]) || !d.readLengths(symbols+distances) {
		return Broken
	}
	if !d.distances.make(d.lengths[symbols:symbols+distances]) || !d.symbols.make(d.lengths[:symbols]) {
		return Broken
	}
	return Done
}

// readLengths reads the lengths of n codes.
func (d *Decoder) readLengths(n int) bool {
	for i := 0; i < n; {
		d.fill()
		symbol := d.next(d.symbols)
		if symbol < 0 || d.isOver() {
			return false
		}
		if symbol < 16 {
			d.lengths[i] = uint8(symbol)
			i++
			continue
		}
		value, times := uint8(0), 0
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			value, times = d.lengths[i-1], 3+d.take(2)
		case 17:
			times = 3 + d.take(3)
		default:
			times = 11 + d.take(7)
		}
		if i+times > n {
			return false
		}
		for ; times > 0; times-- {
			d.lengths[i] = value
			i++
		}
	}
	return !d.isOver()
}

// next returns the next symbol, or -1.
func (d *Decoder) next(t *table) int {
	entry := t.short[d.held&(1<<quick-1)]
	if entry != 0 {
		d.skip(int(entry & 0xf))
		return int(entry >> 4)
	}
	d.work -= costOfLong
	symbol, n := t.long(d.held)
	d.skip(n)
	return symbol
}

// What the symbols beyond bytes stand for.
var (
	baseOfLength    = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	extraOfLength   = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	baseOfDistance  = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	extraOfDistance = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// codes reads symbols up to the end of a block.
func (d *Decoder) codes() End {
	const endOfBlock = 256
	for {
		if d.work -= costOfCode; d.work < 0 {
			return Cut
		}
		d.fill()
		symbol := d.next(d.symbols)
		switch {
		case symbol < 0 || d.isOver():
			return Broken
		case symbol == endOfBlock:
			return Done
		case len(d.out) >= d.end:
			return Cut
		case symbol < endOfBlock:
			d.out = append(d.out, byte(symbol))
			continue
		}
		if end := d.copy(symbol - endOfBlock - 1); end != Done {
			return end
		}
	}
}

// copy reads how many bytes there are from how far before, and appends them.
func (d *Decoder) copy(symbol int) End {
	if symbol >= len(baseOfLength) {
		return Broken
	}
	size := int(baseOfLength[symbol]) + d.take(int(extraOfLength[symbol]))
	code := d.next(d.distances)
	if code < 0 || code >= len(baseOfDistance) {
		return Broken
	}
	distance := int(baseOfDistance[code]) + d.take(int(extraOfDistance[code]))
	from := len(d.out) - distance
	if from < d.start || d.isOver() {
		return Broken
	}
	d.work -= costOfCopy + size/bytesAtOnce
	end := Done
	if room := d.end - len(d.out); size > room {
		end, size = Cut, room
	}
	for size > 0 {
		n := min(size, len(d.out)-from) // longer each time, if a text repeats itself
		d.out = append(d.out, d.out[from:from+n]...)
		size -= n
	}
	return end
}
