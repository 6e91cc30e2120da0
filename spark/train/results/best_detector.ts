/** The best evaluation of a run so far. */
export interface BestDetector {
  /** Average precision of boxes. */
  readonly ap: number;
  /** Steps done by then. */
  readonly step: number;
}
