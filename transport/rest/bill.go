package rest

// bill counts the memory that decoding a body takes beside the body itself. Short
// elements become structs of many times their length, so that the length of a
// body does not tell. A request pays before it takes.
type bill struct {
	paid, spent int64
	// pay lets the request take n bytes more, or refuses it; nil lets it take all.
	pay func(n int64) error
}

// What is charged for an element, in bytes: what decoding it and making an event
// of it takes. TestDecodingIsPaidFor compares.
const (
	idCost        = 96  // of a list of ids, and of those that were shown
	setCost       = 64  // a value of a set that a filter asks for; its text comes on top
	floatCost     = 12  // decoded, normalised, in its stored form
	indexCost     = 28  // of a sparse vector
	vectorCost    = 512 // a vector beside its numbers
	rowCost       = 96  // of a multi vector, beside its numbers
	pointCost     = 640 // a point beside its vectors and payload
	conditionCost = 640 // of a filter
	operationCost = 512 // of a batch
	pathCost      = 256 // of a payload key
	payloadFactor = 4   // for each byte of a payload: as it is built, and as it is kept
)

// payStep is the least that is paid at once, in bytes.
const payStep = 256 << 10

// spend is called before something is made that takes n bytes.
func (b *bill) spend(n int64) error {
	b.spent += n
	if b.spent <= b.paid || b.pay == nil {
		return nil
	}
	more := max(b.spent-b.paid, payStep)
	if err := b.pay(more); err != nil {
		return err
	}
	b.paid += more
	return nil
}
