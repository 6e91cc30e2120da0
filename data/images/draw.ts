/** Gives the next number of a stream, uniform in [0, 1) with 53 random bits; `drawsOf` makes streams. */
export type Draw = () => number;
