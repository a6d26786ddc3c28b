import { DurableObject } from "cloudflare:workers";
import { decideDelivery, INBOX_RETENTION_MS, type DeliveryDecision, type KnownDelivery } from "./rules.ts";

/** What one install did with the messages it was sent, so that a message delivered twice runs once. Forgets after a day. */
export class MessageInbox extends DurableObject {
  /**
   * Says whether to run a message. A claim to run holds until `complete`, `release` or the end of its lease.
   *
   * @param token  of this claim; whoever holds another one can no longer settle it
   */
  async claim(deliveryId: string, token: string): Promise<DeliveryDecision> {
    const now = Date.now();
    const decision = decideDelivery(this.#known(deliveryId), now);
    if (decision.decision !== "run") return decision;
    this.#sql(
      "INSERT OR REPLACE INTO deliveries (id, token, state, attempts, changed_at) VALUES (?, ?, 'running', ?, ?)",
      deliveryId,
      token,
      decision.attempt,
      now,
    );
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + INBOX_RETENTION_MS);
    return decision;
  }

  /** The message was handled. */
  complete(deliveryId: string, token: string): void {
    this.#sql(
      "UPDATE deliveries SET state = 'done', changed_at = ? WHERE id = ? AND token = ?",
      Date.now(),
      deliveryId,
      token,
    );
  }

  /** The attempt failed; the next may begin. `uncounted`: it was not the subscriber's fault and is not counted. */
  release(deliveryId: string, token: string, uncounted: boolean): void {
    this.#sql(
      "UPDATE deliveries SET state = 'waiting', attempts = attempts - ?, changed_at = ? WHERE id = ? AND token = ?",
      uncounted ? 1 : 0,
      Date.now(),
      deliveryId,
      token,
    );
  }

  /** The message became a dead letter; redriven, its attempts are counted from the start. */
  forget(deliveryId: string): void {
    this.#sql("DELETE FROM deliveries WHERE id = ? AND state <> 'done'", deliveryId);
  }

  /** What is known of messages, ordered by id, for a copy of all that the tenant has. @param after  id of the last one of the page before */
  exportDeliveries(after: string, limit: number): readonly Readonly<Record<string, SqlStorageValue>>[] {
    const columns = "id, state, attempts, changed_at";
    return this.#sql(`SELECT ${columns} FROM deliveries WHERE id > ? ORDER BY id LIMIT ?`, after, limit);
  }

  /** Leaves nothing, no table either. */
  async destroy(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.#sql("DELETE FROM deliveries WHERE changed_at <= ?", now - INBOX_RETENTION_MS);
    const [oldest] = this.#sql("SELECT min(changed_at) AS at FROM deliveries");
    if (typeof oldest?.["at"] === "number") await this.ctx.storage.setAlarm(oldest["at"] + INBOX_RETENTION_MS);
    else await this.ctx.storage.deleteAll();
  }

  #known(deliveryId: string): KnownDelivery | undefined {
    const [row] = this.#sql("SELECT state, attempts, changed_at AS changedAt FROM deliveries WHERE id = ?", deliveryId);
    return row as KnownDelivery | undefined; // columns of the table below
  }

  /** Makes the table too: the alarm drops it while the object may live on. */
  #sql(statement: string, ...values: (string | number)[]): Record<string, SqlStorageValue>[] {
    const { sql } = this.ctx.storage;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, token TEXT NOT NULL, state TEXT NOT NULL, " +
        "attempts INTEGER NOT NULL, changed_at INTEGER NOT NULL) WITHOUT ROWID",
    );
    return sql.exec(statement, ...values).toArray();
  }
}
