package eval

import "time"

// datetime reads an RFC 3339 time, or a date that stands for its first moment in UTC. It takes what time.Parse takes for these
// two layouts, oddities included: an hour of one digit, a comma before the fraction, which is cut off after nine digits, and
// offsets up to 24:60. It is not time.Parse, which looks at the zone of the machine and allocates one for an unusual offset.
func datetime(text string) (time.Time, bool) {
	s := scanner{rest: text}
	year := s.digits(4)
	s.skip('-')
	month := time.Month(s.digits(2))
	s.skip('-')
	day := s.digits(2)
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if s.failed || date.Month() != month || date.Day() != day {
		return time.Time{}, false
	}
	if s.rest == "" {
		return date, true
	}
	s.skip('T')
	hour := s.hour()
	s.skip(':')
	minute := s.digits(2)
	s.skip(':')
	second := s.digits(2)
	nanosecond := s.fraction()
	offset := s.offset()
	if s.failed || s.rest != "" || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return time.Date(year, month, day, hour, minute, second, nanosecond, time.UTC).Add(-offset), true
}

// scanner takes a text apart from left to right. Once it has failed its results mean nothing.
type scanner struct {
	rest   string
	failed bool
}

// next takes one byte; 0 at the end.
func (s *scanner) next() byte {
	if s.rest == "" {
		s.failed = true
		return 0
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return c
}

func (s *scanner) skip(c byte) {
	if s.next() != c {
		s.failed = true
	}
}

// digit says whether the byte at i is a digit.
func (s *scanner) digit(i int) bool { return i < len(s.rest) && '0' <= s.rest[i] && s.rest[i] <= '9' }

// digits takes a number of exactly so many digits.
func (s *scanner) digits(count int) int {
	n := 0
	for range count {
		if !s.digit(0) {
			s.failed = true
			return 0
		}
		n = n*10 + int(s.next()-'0')
	}
	return n
}

func (s *scanner) hour() int {
	if s.digit(0) && !s.digit(1) {
		return s.digits(1)
	}
	return s.digits(2)
}

// fraction takes a fraction of a second, if there is one, and returns it in nanoseconds.
func (s *scanner) fraction() int {
	if s.rest == "" || s.rest[0] != '.' && s.rest[0] != ',' || !s.digit(1) {
		return 0
	}
	s.next()
	nanoseconds := 0
	for unit := 100_000_000; s.digit(0); unit /= 10 {
		nanoseconds += int(s.next()-'0') * unit
	}
	return nanoseconds
}

// offset takes the distance from UTC: Z, or a sign with hours and minutes.
func (s *scanner) offset() time.Duration {
	sign := time.Duration(1)
	switch s.next() {
	case 'Z':
		return 0
	case '+':
	case '-':
		sign = -1
	default:
		s.failed = true
	}
	hours := s.digits(2)
	s.skip(':')
	minutes := s.digits(2)
	if hours > 24 || minutes > 60 {
		s.failed = true
	}
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
}
