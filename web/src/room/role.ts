// The roles of a trip, words for them, and which controls each one is shown. Used by the pass and the views.
// Only about what is shown: whether something may be done, the server decides every time.

export const ROLES = ['viewer', 'commenter', 'editor', 'admin', 'owner'] as const;
export type Role = (typeof ROLES)[number];

/** What stands beside somebody's name. */
export const ROLE_WORDS: Record<Role, string> = {
  viewer: 'Can look',
  commenter: 'Can comment',
  editor: 'Can edit',
  admin: 'Admin',
  owner: 'Owner',
};

export interface Principal {
  id: string;
  kind: 'user' | 'agent';
  name: string | null;
}

export interface Member {
  principal: string;
  kind: 'user' | 'agent';
  name: string | null;
  role: Role;
}

/** Who I am in a trip, and who else belongs to it as far as I may know. */
export interface Standing {
  role: Role;
  me: Principal;
  members: Member[];
  editorsMayInvite: boolean;
}

/** A role that this page does not know can do the least. */
export const roleFrom = (word: unknown): Role => (ROLES.includes(word as Role) ? (word as Role) : 'viewer');

export const atLeast = (role: Role, least: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(least);

const upTo = (most: Role): Role[] => ROLES.slice(0, ROLES.indexOf(most) + 1);

/** The roles that I may hand out with a link, the least first; none when I may not invite. */
export function linkRoles({ role, me, editorsMayInvite }: Standing): Role[] {
  if (isGuest(me)) return [];
  if (atLeast(role, 'admin')) return upTo('editor');
  return role === 'editor' && editorsMayInvite ? upTo('commenter') : [];
}

/** The roles that I may give this member; none when their role is not mine to change. */
export function grantableTo({ role, me }: Standing, member: Member): Role[] {
  if (member.principal === me.id) return [];
  if (role === 'owner') return [...ROLES];
  return role === 'admin' && !atLeast(member.role, 'admin') ? upTo('editor') : [];
}

/** May I take this member off the trip? Leaving it myself is another matter. */
export const mayRemove = (standing: Standing, member: Member): boolean => grantableTo(standing, member).length > 0;

/** Everybody may leave, but a trip keeps an owner. Who came by a link is no member and has nothing to leave. */
export function mayLeave({ me, members }: Standing): boolean {
  const mine = members.find((member) => member.principal === me.id);
  if (!mine) return false;
  return mine.role !== 'owner' || members.some((member) => member.role === 'owner' && member !== mine);
}

/** Whom to ask for more: an owner's name, when I may know one. */
export const ownerName = ({ me, members }: Standing): string | null =>
  members.find((member) => member.role === 'owner' && member.principal !== me.id && member.name)?.name ?? null;

/** Came by a shared link, so has no name but the one they choose. */
export const isGuest = (who: Principal): boolean => who.id.startsWith('guest:');
