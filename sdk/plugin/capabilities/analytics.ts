import { capabilityFunction } from "../capability-call.ts";

export interface MetricPoint {
  readonly name: string;
  /** A counter adds up, a gauge's last value counts. */
  readonly kind: "counter" | "gauge" | "histogram";
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

const record = capabilityFunction<{ points: readonly MetricPoint[] }, { recorded: number }>("analytics_record");

/** Metrics of the plugin's own, stored after the call. Every function throws CapabilityError where it is refused. */
export const analytics = {
  async record(points: readonly MetricPoint[]): Promise<void> {
    record({ points });
  },

  async count(name: string, value = 1, labels: Labels = {}): Promise<void> {
    record({ points: [{ name, kind: "counter", value, labels }] });
  },

  async gauge(name: string, value: number, labels: Labels = {}): Promise<void> {
    record({ points: [{ name, kind: "gauge", value, labels }] });
  },

  async observe(name: string, value: number, labels: Labels = {}): Promise<void> {
    record({ points: [{ name, kind: "histogram", value, labels }] });
  },
};
