/**
 * Topics of the message bus. A topic is words joined by dots, `orders.created`. A filter is a topic in which any word but
 * the first may be `*`: inside it stands for exactly one word, at the end for one or more.
 */

const WORD = "[a-z0-9_-]+";

export const TOPIC_PATTERN = new RegExp(`^${WORD}(\\.${WORD})*$`);
export const TOPIC_FILTER_PATTERN = new RegExp(`^${WORD}(\\.(${WORD}|\\*))*$`);
/** Characters of a topic or a filter. */
export const TOPIC_LENGTH = 128;

/**
 * @param filter  as in the manifest, `orders.*` or `orders.*.created`
 * @param topic   as published, `orders.eu.created`
 */
export function topicMatches(filter: string, topic: string): boolean {
  return coversTopic(filter, topic);
}

/**
 * @param filter  as in the manifest
 * @param other   another filter, or one topic
 * @returns true where the filter matches whatever the other one does
 */
export function coversTopic(filter: string, other: string): boolean {
  const [words, others] = [filter.split("."), other.split(".")];
  const [open, otherOpen] = [words, others].map((all) => all.at(-1) === "*");
  if (open ? others.length < words.length : otherOpen || others.length !== words.length) return false;
  return words.every((word, index) => word === "*" || word === others[index]);
}
