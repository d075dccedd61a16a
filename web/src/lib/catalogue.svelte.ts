// What the server says of types of actions and objects: labels and colours. Kept for all rows at once; whoever shows events
// reads it here, and the frame of the page fills it. Empty until then, and where the server did not say.

import type { ActionType, ObjectType } from '$api/types';

class Catalogue {
  private actionTypes = $state.raw<ReadonlyMap<string, ActionType>>(new Map());
  private objectTypes = $state.raw<ReadonlyMap<string, ObjectType>>(new Map());

  set actions(types: readonly ActionType[]) {
    this.actionTypes = new Map(types.map((type) => [type.id, type]));
  }

  set objects(types: readonly ObjectType[]) {
    this.objectTypes = new Map(types.map((type) => [type.id, type]));
  }

  /** The action type of this id, if the server knows it. */
  action(id: string): ActionType | null {
    return this.actionTypes.get(id) ?? null;
  }

  /** The object type of this id, if the server knows it. */
  object(id: string): ObjectType | null {
    return this.objectTypes.get(id) ?? null;
  }
}

export const catalogue = new Catalogue();
