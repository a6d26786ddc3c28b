/** What a plugin did beyond its call, as the harness keeps it. */

export interface PublishedMessage {
  readonly topic: string;
  readonly id: string;
  readonly data: unknown;
}

export interface OutgoingWebhook {
  readonly url: string;
  readonly event: string;
  readonly id: string;
  readonly contentType: string;
  readonly body: string;
}

export interface Finding {
  readonly severity: "info" | "notice" | "warning" | "error";
  readonly title: string;
  readonly detail?: string | undefined;
}

/** What one call recorded of one metric with one set of labels. */
export interface Metric {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
  readonly sum: number;
  readonly last: number;
}
